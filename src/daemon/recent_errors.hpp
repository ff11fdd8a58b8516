// SPDX-License-Identifier: MIT
#pragma once
// The last things that went wrong, for the status: newest first, the same error once with its count. Event loop only.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::daemon {

class RecentErrors {
  public:
    static constexpr std::size_t kKept = 20;
    static constexpr std::size_t kLongest = 300;  // bytes of a message

    explicit RecentErrors(const Clock& clock) : clock_(clock) {}

    // `message` must hold no secret, as an Error's does not.
    void note(std::string_view component, std::string_view message);

    [[nodiscard]] std::vector<monitor::ErrorEntry> newest_first() const;

  private:
    struct Entry {
        std::string component;
        std::string message;
        WallTime last{};
        std::uint64_t count = 1;
    };

    const Clock& clock_;
    std::deque<Entry> entries_;
};

}  // namespace jiro::daemon
