// SPDX-License-Identifier: MIT
#include "jiro/base/sha256.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

// FIPS 180-2, appendix B.
TEST(Sha256, is_that_of_the_standard) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc").size(), 32U);
}

}  // namespace
}  // namespace jiro
