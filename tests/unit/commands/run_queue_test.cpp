// SPDX-License-Identifier: MIT
#include "commands/run_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro::commands {
namespace {

using ::testing::HasSubstr;
using Phase = PendingCommand::Phase;
using Place = PendingCommand::Place;

class RunQueueTest : public ::testing::Test {
  protected:
    static Settings limits(int max_concurrent, int max_queued = 10) {
        Settings settings;
        settings.max_concurrent = max_concurrent;
        settings.max_queued = max_queued;
        return settings;
    }

    // One whose name is its text.
    PendingPtr arrived(const std::string& name, Phase phase = Phase::waiting) {
        CommandMessage message;
        message.command_sync_id = std::to_string(sequence_);
        message.command = name;
        auto command = std::make_shared<PendingCommand>(std::move(message), Fingerprint{}, TimePoint{}, sequence_++);
        command->name = name;
        command->phase = phase;
        return command;
    }
    PendingPtr queued(const std::string& name, Phase phase = Phase::waiting) {
        auto command = arrived(name, phase);
        queue_.enqueue(command);
        return command;
    }
    // As a question is, of which one is asked in a session at a time.
    PendingPtr asked_in(const std::string& session) {
        auto command = arrived("limited");
        command->lane = "limited\n" + session;
        queue_.enqueue(command);
        return command;
    }
    // The next one, as the dispatcher starts it; null when none may start.
    PendingPtr start_next(int max_concurrent = 0) {
        for (;;) {
            auto command = queue_.next_reserved();
            if (command) return command;
            command = queue_.next_queued();
            if (!command || queue_.start(command, command->name == "limited" ? max_concurrent : 0)) return command;
        }
    }

    std::uint64_t sequence_ = 0;
    RunQueue queue_{limits(2)};
};

TEST_F(RunQueueTest, starts_in_the_order_of_arrival_as_many_as_there_are_slots) {
    const auto a = queued("a");
    const auto b = queued("b");
    const auto c = queued("c");

    EXPECT_EQ(start_next(), a);
    EXPECT_EQ(start_next(), b);
    EXPECT_EQ(start_next(), nullptr);
    queue_.leave(*a);
    queue_.leave(*a);  // has left already
    EXPECT_EQ(start_next(), c);
    EXPECT_EQ(start_next(), nullptr);
}

// One that the journal does not have yet keeps what is younger waiting.
TEST_F(RunQueueTest, does_not_overtake_a_command_that_is_being_journalled) {
    const auto a = queued("a", Phase::journalling);
    const auto b = queued("b");
    EXPECT_EQ(start_next(), nullptr);

    queue_.leave(*a);  // the journal refused it
    EXPECT_EQ(start_next(), b);
}

// What was cancelled while it waited is skipped.
TEST_F(RunQueueTest, skips_what_has_left) {
    const auto a = queued("a");
    const auto b = queued("b");
    queue_.leave(*a);

    EXPECT_EQ(start_next(), b);
    EXPECT_EQ(start_next(), nullptr);
}

// A free slot is kept from the arrival on; the command runs when its receipt is committed, in the order of arrival.
TEST_F(RunQueueTest, keeps_a_slot_for_a_command_whose_receipt_is_being_committed) {
    const auto a = arrived("a", Phase::journalling);
    const auto b = arrived("b", Phase::journalling);
    ASSERT_TRUE(queue_.reserve(a, {.name = "a"}));
    ASSERT_TRUE(queue_.reserve(b, {.name = "b"}));
    EXPECT_FALSE(queue_.reserve(arrived("c"), {.name = "c"})) << "no slot is free";
    const auto c = queued("c");

    b->phase = Phase::waiting;
    EXPECT_EQ(start_next(), nullptr) << "a is older";
    a->phase = Phase::waiting;
    EXPECT_EQ(start_next(), a);
    EXPECT_EQ(start_next(), b);
    EXPECT_FALSE(queue_.has_reserved());
    queue_.leave(*a);
    EXPECT_EQ(start_next(), c);
}

TEST_F(RunQueueTest, frees_the_slot_of_a_reserved_command_that_leaves) {
    const auto a = arrived("a", Phase::journalling);
    ASSERT_TRUE(queue_.reserve(a, {.name = "a"}));
    queue_.leave(*a);

    EXPECT_EQ(start_next(), nullptr);
    EXPECT_FALSE(queue_.has_reserved());
    EXPECT_TRUE(queue_.reserve(arrived("b"), {.name = "b"}));
}

// Control commands: no slot, no place in the queue, and a bound.
TEST_F(RunQueueTest, has_a_lane_for_control_commands) {
    const auto slow = queued("a", Phase::journalling);
    std::vector<PendingPtr> lane;
    for (int i = 0; i < kControlCommands; ++i) {
        lane.push_back(arrived("ping", Phase::journalling));
        EXPECT_TRUE(queue_.reserve_control(*lane.back()));
    }
    EXPECT_FALSE(queue_.reserve_control(*arrived("ping"))) << "the lane is full";
    EXPECT_TRUE(queue_.has_reserved());
    for (const auto& one : lane) queue_.start_control(*one);
    EXPECT_FALSE(queue_.has_reserved());

    slow->phase = Phase::waiting;
    EXPECT_EQ(start_next(), slow) << "all slots are free";
    queue_.leave(*lane[0]);
    queue_.leave(*lane[0]);
    EXPECT_TRUE(queue_.reserve_control(*lane[0]));
    queue_.leave(*lane[0]);  // never started
    EXPECT_FALSE(queue_.has_reserved());
}

TEST_F(RunQueueTest, reserves_nothing_while_an_older_command_waits) {
    queued("a", Phase::journalling);
    EXPECT_FALSE(queue_.reserve(arrived("b"), {.name = "b"}));
}

// A command with a limit of its own lets others pass, and is the next when one of its kind ends.
TEST_F(RunQueueTest, command_over_its_own_limit_lets_others_pass) {
    const auto first = queued("limited");
    const auto second = queued("limited");
    const auto other = queued("other");
    EXPECT_EQ(start_next(1), first);
    EXPECT_EQ(start_next(1), other);
    const auto last = queued("last");
    EXPECT_FALSE(queue_.reserve(arrived("limited"), {.name = "limited", .max_concurrent = 1}));

    queue_.leave(*first);
    EXPECT_EQ(start_next(1), second);
    queue_.leave(*other);
    EXPECT_EQ(start_next(1), last);
}

// What waits for its session has no slot: other sessions and other commands pass, and the order in the session stays.
TEST_F(RunQueueTest, command_that_waits_for_its_session_lets_others_pass) {
    const auto first = asked_in("one");
    const auto second = asked_in("one");
    const auto third = asked_in("one");
    const auto other_session = asked_in("two");
    EXPECT_EQ(start_next(1), first);
    EXPECT_EQ(start_next(1), other_session);
    queue_.leave(*other_session);
    const auto other = queued("other");
    EXPECT_EQ(start_next(1), other);
    EXPECT_EQ(start_next(1), nullptr);
    queue_.leave(*other);
    EXPECT_EQ(start_next(1), nullptr) << "a slot is free, but the session has its one";

    const auto last = asked_in("one");
    queue_.leave(*first);
    EXPECT_EQ(start_next(1), second);
    queue_.leave(*third);  // cancelled
    queue_.leave(*second);
    EXPECT_EQ(start_next(1), last);
}

// One session does not fill the queue.
TEST_F(RunQueueTest, is_busy_when_many_wait_for_one_session) {
    queue_.set_limits(limits(2, 100));
    const auto asked = [&](const std::string& session) {
        const auto command = arrived("limited");
        command->lane = "limited\n" + session;
        return command;
    };
    const auto first = asked_in("one");
    EXPECT_EQ(start_next(1), first);
    const auto second = asked_in("one");
    EXPECT_EQ(start_next(1), nullptr);
    for (int i = 0; i < 15; ++i) asked_in("one");

    EXPECT_THAT(queue_.busy(*asked("one")).value_or(""), HasSubstr("16 commands wait for their turn in this session"));
    EXPECT_EQ(queue_.busy(*asked("two")), std::nullopt);
    EXPECT_EQ(queue_.busy(*arrived("other")), std::nullopt);
    queue_.leave(*second);
    EXPECT_EQ(queue_.busy(*asked("one")), std::nullopt);
}

TEST_F(RunQueueTest, reserves_one_slot_for_a_session) {
    const CommandDescription ask{.name = "limited", .one_in_session = true};
    const auto in = [&](const std::string& session) {
        auto command = arrived("limited", Phase::journalling);
        command->dispatch_as(ask);
        command->lane += session;
        return command;
    };
    EXPECT_TRUE(queue_.reserve(in("one"), ask));
    EXPECT_FALSE(queue_.reserve(in("one"), ask));
    EXPECT_TRUE(queue_.reserve(in("two"), ask));
}

// It was refused or cancelled when it was its turn: the next one has it, before any that came later.
TEST_F(RunQueueTest, command_that_leaves_instead_of_starting_hands_its_turn_on) {
    const auto a = queued("limited");
    const auto b = queued("limited");
    const auto c = queued("limited");
    EXPECT_EQ(start_next(1), a);
    EXPECT_EQ(start_next(1), nullptr);
    const auto later = queued("limited");

    queue_.leave(*a);
    EXPECT_EQ(queue_.next_queued(), b);
    queue_.leave(*b);
    EXPECT_EQ(start_next(1), c);
    queue_.leave(*c);
    EXPECT_EQ(start_next(1), later);
}

// Several turns may be free before one is taken.
TEST_F(RunQueueTest, commands_over_their_limit_start_in_the_order_of_arrival) {
    queue_.set_limits(limits(3));
    const auto a = queued("limited");
    const auto b = queued("limited");
    const auto c = queued("limited");
    const auto d = queued("limited");
    EXPECT_EQ(start_next(2), a);
    EXPECT_EQ(start_next(2), b);
    EXPECT_EQ(start_next(2), nullptr);

    queue_.leave(*b);
    queue_.leave(*a);
    EXPECT_EQ(start_next(2), c);
    EXPECT_EQ(start_next(2), d);
    EXPECT_EQ(start_next(2), nullptr);
}

// After a reload, what waited for a limit that is another now lines up in the order of arrival.
TEST_F(RunQueueTest, new_limits_apply_to_what_waits) {
    const auto first = queued("limited");
    const auto second = queued("limited");
    EXPECT_EQ(start_next(1), first);
    EXPECT_EQ(start_next(1), nullptr);
    const auto other = queued("other");

    queue_.set_limits(limits(3));
    EXPECT_EQ(start_next(2), second);
    EXPECT_EQ(start_next(2), other);
}

TEST_F(RunQueueTest, is_busy_when_as_many_wait_as_may) {
    queue_.set_limits(limits(1, 1));
    EXPECT_EQ(queue_.busy(*arrived("a")), std::nullopt);
    queued("a");
    EXPECT_EQ(queue_.busy(*arrived("b")), std::nullopt) << "one slot is free";
    EXPECT_TRUE(start_next());
    queued("b");

    EXPECT_EQ(queue_.busy(*arrived("c")), "busy: 1 commands run and 1 wait");
}

// Messages are kept in memory while they wait. One alone may always.
TEST_F(RunQueueTest, is_busy_when_what_waits_is_large) {
    const auto large = arrived(std::string(20'000'000, 'x'));
    EXPECT_EQ(queue_.busy(*large), std::nullopt);
    queue_.enqueue(large);

    EXPECT_THAT(queue_.busy(*arrived(std::string(20'000'000, 'x'))).value_or(""), HasSubstr("bytes"));
    EXPECT_EQ(queue_.busy(*arrived("small")), std::nullopt);
    queue_.leave(*large);
    EXPECT_EQ(queue_.busy(*arrived(std::string(20'000'000, 'x'))), std::nullopt);
}

}  // namespace
}  // namespace jiro::commands
