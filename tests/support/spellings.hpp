// SPDX-License-Identifier: MIT
#pragma once
// A secret, and the ways in which peers write what they were told: whatever entrance such a text comes in by, nothing
// of it is shown.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/base64.hpp"

namespace jiro::test {

inline constexpr std::string_view kSpelled = "canary/Key+of&all==";
inline constexpr std::string_view kNamed = "api_key%3D";  // in a query inside of another, and so escaped twice

[[nodiscard]] inline std::vector<std::string> spellings() {
    std::vector<std::string> all{std::string(kSpelled), "canary%2FKey%2Bof%26all%3D%3D",
                                 "canary%2fKey%2bof%26all%3d%3d", R"(canary\/Key\u002Bof\u0026all==)",
                                 std::string(kNamed) + "canary%252FKey%252Bof%2526all%253D%253D"};
    for (const std::string_view before : {"", "x", "xy"}) {
        all.push_back(to_base64(std::string(before).append(kSpelled)));
        all.push_back(all.back());
        std::ranges::replace(all.back(), '+', '-');
        std::ranges::replace(all.back(), '/', '_');
    }
    return all;
}

// Of a text that holds one of them: 6 of its characters in a row would be too many.
inline void expect_hidden(std::string_view text, std::string_view spelling) {
    if (spelling.starts_with(kNamed)) spelling.remove_prefix(kNamed.size());
    for (std::size_t at = 4; at + 10 <= spelling.size(); ++at) {
        const auto part = spelling.substr(at, 6);
        EXPECT_EQ(text.find(part), std::string_view::npos) << "of " << spelling << " in: " << text;
    }
    EXPECT_NE(text.find("***"), std::string_view::npos) << text;
}

}  // namespace jiro::test
