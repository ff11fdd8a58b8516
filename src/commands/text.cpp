// SPDX-License-Identifier: MIT
#include "commands/text.hpp"

#include <algorithm>
#include <numeric>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kLongestName = 64;

// Optimal string alignment distance: insertions, deletions, substitutions, swaps of neighbours.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::vector<std::size_t>> rows(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
    std::iota(rows[0].begin(), rows[0].end(), std::size_t{0});
    for (std::size_t i = 1; i <= left.size(); ++i) {
        rows[i][0] = i;
        for (std::size_t k = 1; k <= right.size(); ++k) {
            const std::size_t cost = left[i - 1] == right[k - 1] ? 0 : 1;
            rows[i][k] = std::min({rows[i - 1][k] + 1, rows[i][k - 1] + 1, rows[i - 1][k - 1] + cost});
            if (i > 1 && k > 1 && left[i - 1] == right[k - 2] && left[i - 2] == right[k - 1]) {
                rows[i][k] = std::min(rows[i][k], rows[i - 2][k - 2] + 1);
            }
        }
    }
    return rows[left.size()][right.size()];
}

}  // namespace

std::string escaped(std::string_view text, std::size_t limit) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    const auto head = utf8_head(text, limit);
    std::string result;
    for (const char c : to_utf8(head)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            result += "\\n";
        } else if (c == '\t') {
            result += "\\t";
        } else if (byte < 0x20 || byte == 0x7F) {
            result += "\\x";
            result += kHex[byte >> 4];
            result += kHex[byte & 0xF];
        } else {
            result += c;
        }
    }
    if (head.size() < text.size()) result += "...";
    return result;
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

bool is_base64(std::string_view text) noexcept {
    std::size_t digits = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        if (c == '=') {
            ++padding;
            continue;
        }
        const bool digit =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
        if (!digit || padding > 0) return false;
        ++digits;
    }
    return padding <= 2 && (digits + padding) % 4 == 0;
}

std::string nearest_of(std::string_view name, const std::vector<std::string>& candidates) {
    if (name.empty() || name.size() > kLongestName) return {};
    const std::string wanted = lower_case(name);
    std::size_t best = std::max<std::size_t>(1, wanted.size() / 3) + 1;
    std::string found;
    for (const auto& candidate : candidates) {
        const std::string known = lower_case(candidate);
        if (wanted.size() >= 3 && known.starts_with(wanted)) return candidate;
        const auto length_gap =
            known.size() > wanted.size() ? known.size() - wanted.size() : wanted.size() - known.size();
        if (length_gap >= best) continue;
        const auto changes = distance(wanted, known);
        if (changes < best) {
            best = changes;
            found = candidate;
        }
    }
    return found;
}

}  // namespace jiro::commands
