// SPDX-License-Identifier: MIT
#include "delivery/redo/row_changes.hpp"

#include <gtest/gtest.h>

namespace jiro::delivery {
namespace {

// A command's steps become one change of its row, in the order in which commands first appear.
TEST(RowChanges, puts_together_what_belongs_to_one_row) {
    RowChanges changes;
    changes.add(StartedChange{"old"}, 16);
    changes.add(ReceivedChange{.id = "new", .payload = "p"}, 32);
    changes.add(FinishedChange{.id = "new", .message = "m"}, 48);
    changes.add(FinishedChange{.id = "old", .message = "o"}, 64);
    changes.add(DeliveredChange{.id = "new"}, 80);
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
    changes.add(ReceivedChange{.id = "a", .payload = "first"}, 96);
    changes.add(ReceivedChange{.id = "a", .payload = "second"}, 112);
    changes.add(FinishedChange{.id = "a", .message = "first"}, 128);
    changes.add(FinishedChange{.id = "a", .message = "second"}, 144);
    ASSERT_EQ(changes.all().size(), 1U);
    EXPECT_EQ(changes.all()[0].received->payload, "first");
    EXPECT_EQ(changes.all()[0].finished->message, "first");
}

// What is in hand may come and go before the next look: it is left, with all of its steps, if it began lately.
TEST(RowChanges, leaves_what_is_in_hand) {
    RowChanges changes;
    changes.add(ReceivedChange{.id = "long ago", .payload = "p"}, 16);
    changes.add(ReceivedChange{.id = "runs", .payload = "p"}, 32);
    changes.add(FinishedChange{.id = "came before", .message = "m"}, 48);
    changes.add(ReceivedChange{.id = "settled", .payload = "p"}, 64);
    changes.add(FinishedChange{.id = "settled", .message = "m"}, 80);
    changes.add(DeliveredChange{.id = "settled"}, 96);
    changes.add(ReceivedChange{.id = "waits", .payload = "p"}, 112);
    changes.add(FinishedChange{.id = "runs", .message = "m"}, 128);
    EXPECT_EQ(changes.leave_in_hand(32), 32U);
    std::vector<std::string_view> ids;
    for (const auto& change : changes.all()) ids.push_back(change.id);
    EXPECT_EQ(ids, (std::vector<std::string_view>{"long ago", "came before", "settled"}));
    EXPECT_TRUE(changes.has("settled"));
    EXPECT_FALSE(changes.has("runs"));
    EXPECT_EQ(changes.leave_in_hand(32), std::nullopt);
}

}  // namespace
}  // namespace jiro::delivery
