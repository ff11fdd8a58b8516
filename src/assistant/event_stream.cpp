// SPDX-License-Identifier: MIT
#include "assistant/event_stream.hpp"

#include <algorithm>
#include <utility>

namespace jiro::assistant {

void EventStream::feed(std::string_view bytes) {
    if (overflowed_) return;
    buffer_.erase(0, begin_);
    scanned_ -= std::min(scanned_, begin_);
    begin_ = 0;
    buffer_ += bytes;
}

std::optional<std::string_view> EventStream::take_line() {
    if (skips_newline_ && begin_ < buffer_.size()) {
        if (buffer_[begin_] == '\n') ++begin_;
        skips_newline_ = false;
    }
    const auto end = buffer_.find_first_of("\r\n", std::max(begin_, scanned_));
    scanned_ = end == std::string::npos ? buffer_.size() : end + 1;
    if (end == std::string::npos) {
        overflowed_ = buffer_.size() - begin_ > limit_;
        return std::nullopt;
    }
    std::string_view line(buffer_.data() + begin_, end - begin_);
    begin_ = end + 1;
    skips_newline_ = buffer_[end] == '\r';
    if (is_first_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    is_first_ = false;
    return line;
}

void EventStream::take_field(std::string_view line) {
    static constexpr std::string_view kData = "data";
    if (!line.starts_with(kData)) return;
    line.remove_prefix(kData.size());
    if (!line.empty() && !line.starts_with(':')) return;  // another field, whose name begins like that
    if (!line.empty()) line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (has_data_) data_ += '\n';
    data_ += line;
    has_data_ = true;
    overflowed_ = overflowed_ || data_.size() > limit_;
}

std::optional<std::string> EventStream::next() {
    while (!overflowed_) {
        const auto line = take_line();
        if (!line) return std::nullopt;
        if (!line->empty()) {
            take_field(*line);
        } else if (has_data_) {
            has_data_ = false;
            return std::exchange(data_, {});
        }
    }
    return std::nullopt;
}

}  // namespace jiro::assistant
