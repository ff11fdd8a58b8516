// SPDX-License-Identifier: MIT
#include "signalr/protocol/record_splitter.hpp"

namespace jiro::signalr {

void RecordSplitter::feed(std::string_view chunk) { chunk_ = chunk; }

std::optional<std::string_view> RecordSplitter::next() {
    if (joined_was_given_) {
        joined_.clear();
        joined_was_given_ = false;
    }
    if (overflowed_) return std::nullopt;

    const auto end = chunk_.find(kRecordSeparator);
    const auto piece = chunk_.substr(0, end);
    if (joined_.size() + piece.size() > max_record_bytes_) {
        overflowed_ = true;
        joined_ = std::string();
        return std::nullopt;
    }
    if (end == std::string_view::npos) {
        joined_.append(piece);
        chunk_ = {};
        return std::nullopt;
    }
    chunk_.remove_prefix(end + 1);
    if (joined_.empty()) return piece;
    joined_.append(piece);
    joined_was_given_ = true;
    return joined_;
}

}  // namespace jiro::signalr
