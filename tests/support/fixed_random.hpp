// SPDX-License-Identifier: MIT
#pragma once
// A RandomSource that gives what the test put in, in order, and then the last value for ever.

#include <deque>
#include <initializer_list>

#include "jiro/base/random.hpp"

namespace jiro::test {

class FixedRandom final : public RandomSource {
  public:
    FixedRandom(std::initializer_list<std::uint64_t> values = {0}) : values_(values) {}

    [[nodiscard]] std::uint64_t next() override {
        const auto value = values_.front();
        if (values_.size() > 1) values_.pop_front();
        return value;
    }

  private:
    std::deque<std::uint64_t> values_;
};

}  // namespace jiro::test
