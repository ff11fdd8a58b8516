// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <algorithm>

namespace jiro {

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower_case(c);
    return result;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    const auto fold = [](char c) { return lower_case(c); };
    return std::ranges::equal(left, right, {}, fold, fold);
}

std::string join_with_commas(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += text.empty() ? item : ", " + item;
    return text;
}

}  // namespace jiro
