// SPDX-License-Identifier: MIT
#include "delivery/redo/row_changes.hpp"

#include <gtest/gtest.h>

namespace jiro::delivery {
namespace {

// A command's steps become one change of its row, in the order in which commands first appear.
TEST(RowChanges, puts_together_what_belongs_to_one_row) {
    RowChanges changes;
    changes.add(StartedChange{"old"});
    changes.add(ReceivedChange{.id = "new", .payload = "p"});
    changes.add(FinishedChange{.id = "new", .message = "m"});
    changes.add(FinishedChange{.id = "old", .message = "o"});
    changes.add(DeliveredChange{.id = "new"});
    ASSERT_EQ(changes.all().size(), 2U);
    const RowChange& old = changes.all()[0];
    EXPECT_EQ(old.id, "old");
    EXPECT_FALSE(old.received);
    EXPECT_TRUE(old.is_started);
    EXPECT_EQ(old.finished->message, "o");
    EXPECT_FALSE(old.delivered);
    const RowChange& fresh = changes.all()[1];
    EXPECT_EQ(fresh.received->payload, "p");
    EXPECT_FALSE(fresh.is_started);
    EXPECT_EQ(fresh.finished->message, "m");
    EXPECT_TRUE(fresh.delivered);
}

// A row takes its receipt and its outcome once.
TEST(RowChanges, lets_the_first_of_two_count) {
    RowChanges changes;
    changes.add(ReceivedChange{.id = "a", .payload = "first"});
    changes.add(ReceivedChange{.id = "a", .payload = "second"});
    changes.add(FinishedChange{.id = "a", .message = "first"});
    changes.add(FinishedChange{.id = "a", .message = "second"});
    ASSERT_EQ(changes.all().size(), 1U);
    EXPECT_EQ(changes.all()[0].received->payload, "first");
    EXPECT_EQ(changes.all()[0].finished->message, "first");
}

}  // namespace
}  // namespace jiro::delivery
