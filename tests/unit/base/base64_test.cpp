// SPDX-License-Identifier: MIT
#include "jiro/base/base64.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

// RFC 4648, section 10.
TEST(Base64, encodes_and_decodes) {
    for (const auto& [bytes, text] : {std::pair<std::string, std::string>{"", ""},
                                      {"f", "Zg=="},
                                      {"fo", "Zm8="},
                                      {"foo", "Zm9v"},
                                      {"foob", "Zm9vYg=="},
                                      {"fooba", "Zm9vYmE="},
                                      {"foobar", "Zm9vYmFy"},
                                      {std::string("\0\xFF\xFE", 3), "AP/+"}}) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(Base64, refuses_what_it_would_not_write) {
    for (const char* bad :
         {"Zg=", "Z===", "Zg==Zg==", "Zm 9", "Zm9\n", " Zm9", "====", "Z", "Zm=v", "Zm9-", "Zm9_", "Zm9\x80"})
        EXPECT_FALSE(from_base64(bad)) << bad;
    EXPECT_FALSE(from_base64(std::string("Zm9\0", 4)));
}

// Longer than what OpenSSL is given at once.
TEST(Base64, takes_long_bytes) {
    for (const std::size_t size : {3U * 1024 * 1024, 3U * 1024 * 1024 + 1, 7U * 1024 * 1024 + 2}) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3U);
        const auto text = to_base64(bytes);
        EXPECT_EQ(text.size(), (size + 2) / 3 * 4);
        EXPECT_TRUE(from_base64(text) == bytes);
    }
}

}  // namespace
}  // namespace jiro
