// SPDX-License-Identifier: MIT
#pragma once
// Lines that wait, so many at most: when there is one more the oldest gives way, errors last of all. The caller's
// thread or lock.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "base/log_record.hpp"

namespace jiro::log {

class Backlog {
  public:
    explicit Backlog(std::size_t limit) : limit_(limit) {}

    // True: one gave way.
    [[nodiscard]] bool push(KeptLine line) {
        const bool is_full = lines_.size() >= limit_;
        if (is_full) {
            const auto is_no_error = [](const KeptLine& waiting) { return waiting.level < spdlog::level::err; };
            const auto first = std::ranges::find_if(lines_, is_no_error);
            lines_.erase(first == lines_.end() ? lines_.begin() : first);
        }
        lines_.push_back(std::move(line));
        return is_full;
    }
    [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }
    [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
    [[nodiscard]] const KeptLine& front() const { return lines_.front(); }
    void pop_front() { lines_.pop_front(); }
    [[nodiscard]] std::deque<KeptLine> take() { return std::exchange(lines_, {}); }

  private:
    std::size_t limit_;
    std::deque<KeptLine> lines_;
};

}  // namespace jiro::log
