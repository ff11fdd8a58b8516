// SPDX-License-Identifier: MIT
#include "commands/exec/output_capture.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

void OutputCapture::append(std::string_view bytes) {
    total_ += bytes.size();
    const auto to_head = std::min(bytes.size(), head_limit_ - head_.size());
    head_ += bytes.substr(0, to_head);
    bytes.remove_prefix(to_head);
    if (bytes.size() > tail_limit_) bytes.remove_prefix(bytes.size() - tail_limit_);
    // Dropping the front only now and then keeps the cost of a byte constant.
    if (tail_.size() + bytes.size() > 2 * tail_limit_) {
        tail_.erase(0, tail_.size() - std::min(tail_.size(), tail_limit_ - bytes.size()));
    }
    tail_ += bytes;
}

// The beginning ends here, and the end begins anew.
void OutputCapture::skip(std::uint64_t bytes) {
    if (bytes == 0) return;
    total_ += bytes;
    tail_limit_ += head_limit_ - head_.size();
    head_limit_ = head_.size();
    tail_.clear();
}

std::string_view OutputCapture::kept_tail() const noexcept {
    const std::string_view kept = tail_;
    return kept.size() > tail_limit_ ? kept.substr(kept.size() - tail_limit_) : kept;
}

std::string OutputCapture::text() const {
    if (!is_cut()) return head_ + tail_;
    const auto head = without_half_character(head_);
    const auto tail = without_rest_of_character(kept_tail());
    const auto left_out = total_ - head.size() - tail.size();
    std::string text(head);
    text.append("\n[... ").append(std::to_string(left_out)).append(" bytes left out ...]\n").append(tail);
    return text;
}

std::string OutputCapture::tail(std::size_t limit) const {
    const std::string kept = tail_.empty() ? head_ : is_cut() ? std::string(kept_tail()) : head_ + tail_;
    return std::string(utf8_tail(kept, limit));
}

OutputCapture::Part OutputCapture::read(std::uint64_t from, std::size_t limit) const noexcept {
    if (from < head_.size()) return {from, std::string_view(head_).substr(from, limit)};
    const auto kept = kept_tail();
    from = std::max(from, total_ - kept.size());
    return {from, from < total_ ? kept.substr(from - (total_ - kept.size()), limit) : std::string_view()};
}

}  // namespace jiro::commands
