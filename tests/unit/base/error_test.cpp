// SPDX-License-Identifier: MIT
#include "jiro/base/error.hpp"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>

namespace jiro {
namespace {

const auto kRefused = boost::system::errc::make_error_code(boost::system::errc::connection_refused);

// Context is put in front on the way up; code and place stay those of the first error.
TEST(Error, prefix_keeps_code_and_place) {
    const Error inner(kRefused, "the peer said no");
    const Error outer = inner.with_prefix("negotiate with hub.example");
    EXPECT_EQ(outer.message, "negotiate with hub.example: the peer said no");
    EXPECT_EQ(outer.code, kRefused);
    EXPECT_EQ(outer.where.line(), inner.where.line());
    EXPECT_EQ(Error(kRefused).message, kRefused.message());
}

// Taking the value of a failed result throws an exception that carries the message.
TEST(Error, value_of_a_failed_result_throws) {
    const Result<int> failed = Error(kRefused, "the peer said no");
    try {
        static_cast<void>(failed.value());
        FAIL();
    } catch (const boost::system::system_error& error) {
        EXPECT_EQ(error.code(), kRefused);
        EXPECT_NE(std::string(error.what()).find("the peer said no"), std::string::npos);
    }
}

enum class Fruit { apple = 1, pear };

// A category has a name, and a sentence for each code; a number that is none of them does no harm.
TEST(ErrorCategory, gives_each_code_its_text) {
    static constexpr std::array<std::string_view, 2> kTexts{"it is an apple", "it is_a pear"};
    const ErrorCategory<Fruit::pear> category("fruit", kTexts);
    EXPECT_STREQ(category.name(), "fruit");
    EXPECT_EQ(category.message(2), "it is a pear");
    EXPECT_EQ(category.message(77), "unknown error");
}

}  // namespace
}  // namespace jiro
