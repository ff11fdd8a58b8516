// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "jiro/commands/command_message.hpp"
#include "jiro/commands/errors.hpp"
#include "jiro_hub.pb.h"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/run_task.hpp"

namespace jiro::daemon {
namespace {

// Confirms everything and remembers what it was given.
class RecordingSender final : public delivery::ResultSender {
  public:
    Task<delivery::SendResult> send(const delivery::Bytes& message, const std::string&, int,
                                    const TraceContext&) override {
        JiroHubProto::ClientMessage sent;
        sent.ParseFromString(*message);
        sent_.push_back(sent);
        co_return delivery::SendResult{
            .code = delivery::StatusCode::ok, .success = true, .message = {}, .retry_after = {}};
    }
    void reset() override {}
    void watch() override {}
    void cancel_calls() override {}

    std::vector<JiroHubProto::ClientMessage> sent_;
};

class JournalTest : public ::testing::Test {
  protected:
    Admission receive(const CommandMessage& message) {
        Receipt receipt{.id = message.command_sync_id,
                        .fingerprint = commands::fingerprint(message),
                        .payload = commands::to_json(message)};
        auto receiving = journal_.received(std::move(receipt), std::chrono::minutes(1), FirstState::received);
        return test::run_task(context_, std::move(receiving)).admission;
    }

    void finish(const CommandMessage& message) {
        FinishedCommand finished;
        finished.message = message;
        finished.command_name = "echo";
        finished.result = CommandResult::text("hello");
        EXPECT_TRUE(test::run_task(context_, journal_.finished(std::move(finished))).has_value());
    }

    // Lets the courier send what is due.
    void deliver() {
        boost::asio::co_spawn(context_, courier_.run(),
                              boost::asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
        test::settle(context_);
        stop_.emit(boost::asio::cancellation_type::terminal);
        test::settle(context_);
    }

    boost::asio::io_context context_{1};
    boost::asio::cancellation_signal stop_;
    test::ManualClock clock_;
    test::FixedRandom random_;
    delivery::OutboxSettings settings_;
    std::unique_ptr<delivery::Outbox> outbox_ = test::outbox_in_memory(clock_, settings_);
    std::shared_ptr<RecordingSender> sender_ = std::make_shared<RecordingSender>();
    delivery::Courier courier_{context_.get_executor(), *outbox_, sender_, clock_, random_, {}, settings_};
    Journal journal_{*outbox_, courier_, Persistence::memory};
    const CommandMessage message_{
        .instance_id = {}, .command = "echo hello", .command_sync_id = "cmd-1", .session_id = "s", .parameters = {}};
};

TEST_F(JournalTest, finished_command_reaches_the_server) {
    EXPECT_EQ(receive(message_), Admission::accepted);
    EXPECT_TRUE(test::run_task(context_, journal_.started("cmd-1")).has_value());
    finish(message_);
    deliver();

    ASSERT_EQ(sender_->sent_.size(), 1U);
    EXPECT_EQ(sender_->sent_[0].commandsyncid(), "cmd-1");
    EXPECT_EQ(sender_->sent_[0].textresult().response(), "hello");
}

// The same command again while it waits or runs is known.
TEST_F(JournalTest, repeated_command_is_recognised) {
    receive(message_);

    EXPECT_EQ(receive(message_), Admission::already_in_progress);
}

// The same id with other content is never mistaken for the first.
TEST_F(JournalTest, same_id_with_other_content_is_recognised) {
    receive(message_);
    auto other = message_;
    other.command = "echo something else";

    EXPECT_EQ(receive(other), Admission::conflicting_content);
}

TEST_F(JournalTest, settled_command_is_not_accepted_again) {
    receive(message_);
    EXPECT_TRUE(test::run_task(context_, journal_.started("cmd-1")).has_value());
    finish(message_);

    EXPECT_EQ(receive(message_), Admission::already_settled);
}

// What the journal keeps is the message again.
TEST(JournalPayload, payload_brings_the_message_back) {
    const CommandMessage message{.instance_id = "user-123",
                                 .command = "echo \"two words\" \n",
                                 .command_sync_id = "cmd-456-789",
                                 .session_id = "session-abc",
                                 .parameters = {{"key1", "value1"}, {"key2", ""}}};

    for (const auto& refusal : {std::optional<Error>(), std::optional(Error(commands::errc::busy, "two\nlines"))}) {
        const auto back = command_of({.id = "cmd-456-789", .payload = commands::to_payload(message, refusal)});
        ASSERT_TRUE(back.has_value()) << back.error().message;
        EXPECT_EQ(back->message, message);
        EXPECT_EQ(back->refusal, refusal ? std::optional(refusal->message) : std::nullopt);
    }
}

// Of a malformed message that was refused all that could be read is kept.
TEST(JournalPayload, brings_a_part_of_a_message_back) {
    CommandMessage message;
    message.command_sync_id = "cmd-1";
    const auto payload = commands::to_payload(message, Error(commands::errc::missing_command, "no command"));
    const auto back = command_of({.id = "cmd-1", .payload = payload});
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->message, message);
    EXPECT_EQ(back->refusal, "no command");
}

TEST(JournalPayload, damaged_payload_is_a_named_error) {
    const auto back = command_of({.id = "cmd-1", .payload = "{\"commandSyncId\":"});

    ASSERT_FALSE(back.has_value());
    EXPECT_THAT(back.error().message, ::testing::StartsWith("the journal's copy of the command"));
}

// The outcome of a command that the daemon's death interrupted says so, under the command's own id, name and session.
TEST(JournalPayload, interrupted_outcome_can_be_read_by_the_server) {
    const CommandMessage message{
        .instance_id = "", .command = "$backup now", .command_sync_id = "cmd-7", .session_id = "s-7", .parameters = {}};
    const Receipt receipt{.id = "cmd-7", .payload = commands::to_json(message)};

    JiroHubProto::ClientMessage sent;
    ASSERT_TRUE(sent.ParseFromString(*make_interrupted_outcome(receipt)));

    EXPECT_FALSE(sent.issuccess());
    EXPECT_EQ(sent.commandsyncid(), "cmd-7");
    EXPECT_EQ(sent.commandname(), "backup");
    EXPECT_EQ(sent.sessionid(), "s-7");
    EXPECT_THAT(sent.textresult().response(), ::testing::StartsWith("interrupted: "));
}

// Even a row whose payload cannot be read any more is answered.
TEST(JournalPayload, interrupted_outcome_needs_only_the_id) {
    JiroHubProto::ClientMessage sent;
    ASSERT_TRUE(sent.ParseFromString(*make_interrupted_outcome({.id = "cmd-8", .payload = "garbage"})));

    EXPECT_EQ(sent.commandsyncid(), "cmd-8");
    EXPECT_THAT(sent.textresult().response(), ::testing::StartsWith("interrupted: "));
}

}  // namespace
}  // namespace jiro::daemon
