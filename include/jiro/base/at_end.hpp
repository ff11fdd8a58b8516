// SPDX-License-Identifier: MIT
#pragma once
// What is done when a scope is left, however that happens: by an exception or a cancellation, too.
//
//     const AtEnd at_end([&] { is_under_way_ = false; });

#include <utility>

namespace jiro {

template <typename Action>
class AtEnd {
  public:
    explicit AtEnd(Action action) : action_(std::move(action)) {}
    ~AtEnd() { action_(); }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

  private:
    Action action_;
};

}  // namespace jiro
