// SPDX-License-Identifier: MIT
#include "config/suggest.hpp"

#include <gtest/gtest.h>

#include <array>

namespace jiro::config {
namespace {

// A slip of the finger is recognised; another word is not.
TEST(Suggest, finds_the_nearest_word) {
    constexpr std::array<std::string_view, 4> kWords{"HubUrl", "Headers", "Proxy", "Tls"};
    struct Row {
        std::string_view word;
        std::string_view nearest;
    };
    const Row rows[] = {{"huburl", "HubUrl"},
                        {"HubUlr", "HubUrl"},
                        {"Header", "Headers"},
                        {"Poxy", "Proxy"},
                        {"TLS1", "Tls"},
                        {"Nonsense", ""},
                        {"", ""},
                        {"x", ""}};
    for (const Row& row : rows) {
        EXPECT_EQ(nearest(row.word, kWords).value_or(""), row.nearest) << row.word;
    }
    EXPECT_FALSE(nearest(std::string(1000, 'x'), kWords));
    EXPECT_EQ(did_you_mean("Proxi", kWords), ", did you mean 'Proxy'?");
}

}  // namespace
}  // namespace jiro::config
