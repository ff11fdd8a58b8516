// SPDX-License-Identifier: MIT
#pragma once
// The last lines of the log, as they were written (scrubbed, escaped, after the budget), for those who show them. Kept
// in memory, up to a number of bytes; the oldest give way. Any thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "jiro/base/log.hpp"

namespace jiro::log {

struct TailLine {
    std::uint64_t number = 0;  // of the line since the start, from 1 and without gaps
    std::chrono::system_clock::time_point time;
    Level level = Level::info;
    std::string component;
    std::string text;  // the sentence with its fields

    [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(TailLine) + component.size() + text.size(); }
};

class Tail {
  public:
    // Lines are kept from now on, up to so many bytes; 0: none are, and those that were are dropped.
    void keep(std::size_t bytes);
    [[nodiscard]] bool is_kept() const;

    // Lines after that number, oldest first, at most `limit`. When the first one's number is not the next, those
    // between have given way.
    [[nodiscard]] std::vector<TailLine> after(std::uint64_t number, std::size_t limit) const;
    // The number of the newest line; 0: there was none.
    [[nodiscard]] std::uint64_t newest() const;

    // By the log.
    void add(TailLine line);

  private:
    void shrink();

    mutable std::mutex mutex_;
    std::size_t most_bytes_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t newest_ = 0;
    std::deque<TailLine> lines_;
};

// Of this process's log.
[[nodiscard]] Tail& tail();

}  // namespace jiro::log
