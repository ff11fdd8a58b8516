// SPDX-License-Identifier: MIT
#include "jiro/base/log_tail.hpp"

#include <algorithm>

namespace jiro::log {

void Tail::keep(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    most_bytes_ = bytes;
    shrink();
}

bool Tail::is_kept() const {
    const std::scoped_lock lock(mutex_);
    return most_bytes_ > 0;
}

std::vector<TailLine> Tail::after(std::uint64_t number, std::size_t limit) const {
    const std::scoped_lock lock(mutex_);
    const auto first = std::ranges::upper_bound(lines_, number, {}, &TailLine::number);
    const auto count = std::min<std::size_t>(limit, static_cast<std::size_t>(lines_.end() - first));
    return {first, first + static_cast<std::ptrdiff_t>(count)};
}

std::uint64_t Tail::newest() const {
    const std::scoped_lock lock(mutex_);
    return newest_;
}

void Tail::add(TailLine line) {
    const std::scoped_lock lock(mutex_);
    if (most_bytes_ == 0) return;
    line.number = ++newest_;
    bytes_ += line.bytes();
    lines_.push_back(std::move(line));
    shrink();
}

void Tail::shrink() {
    while (bytes_ > most_bytes_ && !lines_.empty()) {
        bytes_ -= lines_.front().bytes();
        lines_.pop_front();
    }
    if (most_bytes_ == 0) std::deque<TailLine>().swap(lines_);
}

}  // namespace jiro::log
