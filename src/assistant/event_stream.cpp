// SPDX-License-Identifier: MIT
#include "assistant/event_stream.hpp"

#include <algorithm>
#include <utility>

namespace jiro::assistant {

std::string_view without_byte_order_mark(std::string_view text) noexcept {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

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
    if (is_first_) line = without_byte_order_mark(line);
    is_first_ = false;
    return line;
}

void EventStream::take_field(std::string_view line) {
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") event_.type = value;
    if (name == "error") event_.type = name;
    if (name != "data" && name != "error") return;
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
    overflowed_ = overflowed_ || event_.data.size() > limit_;
}

std::optional<StreamEvent> EventStream::next() {
    while (!overflowed_) {
        const auto line = take_line();
        if (!line) return std::nullopt;
        if (!line->empty()) {
            take_field(*line);
            continue;
        }
        auto event = std::exchange(event_, {});
        if (std::exchange(has_data_, false)) return event;
    }
    return std::nullopt;
}

}  // namespace jiro::assistant
