#include "jiro/base/secret.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>

namespace jiro {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);

// A secret that was moved from is empty; copies are independent.
TEST(Secret, moves_and_copies) {
    Secret first("hunter22");
    Secret copy = first;
    const Secret moved = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the promise
    EXPECT_EQ(moved, copy);

    copy = Secret("other");
    EXPECT_EQ(moved.reveal(), "hunter22");
    const Secret& itself = copy;
    copy = itself;
    EXPECT_EQ(copy.reveal(), "other");
}

}  // namespace
}  // namespace jiro
