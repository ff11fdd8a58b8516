// SPDX-License-Identifier: MIT
#pragma once
// What a peer says (reasons, errors, names) may be of any length; in logs, statuses and errors it has kMaxPeerText
// bytes. Pure, any thread.

#include <string>
#include <string_view>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro {

inline constexpr std::size_t kMaxPeerText = 500;

// Ends with kCut when it was longer than `limit`; with it at most `limit` bytes.
[[nodiscard]] inline std::string shortened(std::string_view text, std::size_t limit = kMaxPeerText) {
    if (text.size() <= limit) return std::string(text);
    if (limit < kCut.size()) return {};
    return std::string(utf8_head(text, limit - kCut.size())).append(kCut);
}

}  // namespace jiro
