// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "jiro/delivery/memory_outbox.hpp"
#include "jiro_hub.pb.h"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro::daemon {
namespace {

using Kind = commands::Admission::Kind;

// Confirms everything and remembers what it was given.
class RecordingSender final : public delivery::ResultSender {
  public:
    Task<delivery::SendResult> send(delivery::Bytes message, std::string, int) override {
        JiroHubProto::ClientMessage sent;
        sent.ParseFromString(*message);
        sent_.push_back(sent);
        co_return delivery::SendResult{
            .code = delivery::StatusCode::ok, .success = true, .message = {}, .retry_after = {}};
    }
    void reset() override {}
    void cancel_calls() override {}

    std::vector<JiroHubProto::ClientMessage> sent_;
};

class JournalTest : public ::testing::Test {
  protected:
    commands::Admission receive(const CommandMessage& message) {
        auto admission = test::run_task(context_, journal_.received(message, commands::fingerprint(message), false,
                                                                    std::chrono::minutes(1), commands::Start::later));
        return std::move(admission.value());
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
    std::unique_ptr<delivery::Outbox> outbox_ = delivery::make_memory_outbox(clock_, settings_);
    RecordingSender sender_;
    delivery::Courier courier_{context_.get_executor(), *outbox_, sender_, clock_, random_, {}, settings_};
    Journal journal_{*outbox_, courier_, Persistence::memory};
    const CommandMessage message_{
        .instance_id = {}, .command = "echo hello", .command_sync_id = "cmd-1", .session_id = "s", .parameters = {}};
};

TEST_F(JournalTest, finished_command_reaches_the_server) {
    EXPECT_EQ(receive(message_).kind, Kind::accepted);
    EXPECT_TRUE(test::run_task(context_, journal_.started("cmd-1")).has_value());
    finish(message_);
    deliver();

    ASSERT_EQ(sender_.sent_.size(), 1U);
    EXPECT_EQ(sender_.sent_[0].commandsyncid(), "cmd-1");
    EXPECT_EQ(sender_.sent_[0].textresult().response(), "hello");
}

// The same command again while it waits or runs is known.
TEST_F(JournalTest, repeated_command_is_recognised) {
    receive(message_);

    EXPECT_EQ(receive(message_).kind, Kind::already_in_progress);
}

// The same id with other content is never mistaken for the first.
TEST_F(JournalTest, same_id_with_other_content_is_recognised) {
    receive(message_);
    auto other = message_;
    other.command = "echo something else";

    EXPECT_EQ(receive(other).kind, Kind::conflicting_content);
}

TEST_F(JournalTest, settled_command_is_not_accepted_again) {
    receive(message_);
    EXPECT_TRUE(test::run_task(context_, journal_.started("cmd-1")).has_value());
    finish(message_);

    EXPECT_EQ(receive(message_).kind, Kind::already_settled);
}

}  // namespace
}  // namespace jiro::daemon
