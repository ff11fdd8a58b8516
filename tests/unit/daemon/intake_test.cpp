// SPDX-License-Identifier: MIT
#include "daemon/intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include "jiro/commands/errors.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// A journal that accepts everything, or refuses, as the test says.
class FakeSink final : public commands::ResultSink {
  public:
    bool durable() const noexcept override { return false; }
    Task<AdmissionResult> received(Receipt, Duration, FirstState) override { co_return answer_; }
    Task<Result<>> started(std::string) override { co_return Result<>(); }
    Task<Result<>> finished(FinishedCommand command) override {
        finished_.push_back(std::move(command));
        co_return Result<>();
    }
    Task<> answer_unstored(FinishedCommand command) override {
        finished_.push_back(std::move(command));
        co_return;
    }
    void send_again() override {}

    AdmissionResult answer_{Admission::accepted, {}};
    std::vector<FinishedCommand> finished_;
};

class FakeObserver final : public commands::CommandObserver {
  public:
    void rejected(Rejection why) override { rejections_.push_back(why); }

    std::vector<Rejection> rejections_;
};

class IntakeTest : public ::testing::Test {
  protected:
    explicit IntakeTest(commands::Acknowledge acknowledge = commands::Acknowledge::finished)
        : intake_(dispatcher_, observer_, acknowledge) {
        boost::asio::co_spawn(context_, dispatcher_.run(),
                              boost::asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
    }
    ~IntakeTest() override {
        stop_.emit(boost::asio::cancellation_type::terminal);
        test::settle(context_);
    }

    static signalr::Invocation invocation(json argument, std::optional<std::string> id) {
        return {.target = "ReceiveCommand",
                .invocation_id = std::move(id),
                .arguments = json::array({std::move(argument)})};
    }

    Result<json> handle(signalr::Invocation invocation) {
        return test::run_task(context_, intake_.receive(std::move(invocation)));
    }

    static std::shared_ptr<const commands::CommandRegistry> registry() {
        return commands::make_registry({}, {.version = "1", .status = {}}).value();
    }

    boost::asio::io_context context_{1};
    boost::asio::thread_pool workers_{1};
    boost::asio::cancellation_signal stop_;
    test::ManualClock clock_;
    test::FixedRandom random_;
    FakeSink sink_;
    FakeObserver observer_;
    commands::Dispatcher dispatcher_{
        context_.get_executor(), clock_, random_, workers_, sink_, observer_, {}, registry()};
    Intake intake_;
};

class AcknowledgingIntakeTest : public IntakeTest {
  protected:
    AcknowledgingIntakeTest() : IntakeTest(commands::Acknowledge::received) {}
};

// The hub's answer has the four members that hubs look for.
TEST_F(IntakeTest, waiting_hub_gets_the_commands_end) {
    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(*answer,
              json({{"isSuccess", true}, {"message", "hi"}, {"errors", json::array()}, {"requestId", "cmd-1"}}));
    ASSERT_EQ(sink_.finished_.size(), 1U);
}

// Some hubs send the message as a string that holds the object.
TEST_F(IntakeTest, message_may_be_a_json_string) {
    const auto answer = handle(invocation(R"({"Command":"echo hi","COMMANDSYNCID":"cmd-1"})", "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["requestId"], "cmd-1");
}

TEST_F(IntakeTest, failed_command_is_told_with_its_error) {
    const auto answer = handle(invocation({{"command", "ecko hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["isSuccess"], false);
    EXPECT_EQ((*answer)["errors"].size(), 1U);
    EXPECT_THAT((*answer)["message"].get<std::string>(), HasSubstr("echo"));
}

// Nothing to answer under: the invocation gets an error, the command is counted as rejected.
TEST_F(IntakeTest, message_without_an_id_is_an_error) {
    const auto answer = handle(invocation({{"command", "echo hi"}}, "7"));

    ASSERT_FALSE(answer.has_value());
    EXPECT_THAT(answer.error().message, HasSubstr("commandSyncId"));
    EXPECT_THAT(observer_.rejections_, ::testing::ElementsAre(Rejection::malformed));
    EXPECT_TRUE(sink_.finished_.empty());
}

TEST_F(IntakeTest, invocation_without_arguments_does_not_bind) {
    EXPECT_THROW(handle({.target = "ReceiveCommand", .invocation_id = "7", .arguments = json::array()}),
                 signalr::ArgumentMismatch);
}

// Malformed but with an id: the server is told under that id.
TEST_F(IntakeTest, malformed_message_with_an_id_gets_an_error_result) {
    const auto answer = handle(invocation({{"command", 5}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["isSuccess"], false);
    ASSERT_EQ(sink_.finished_.size(), 1U);
    EXPECT_EQ(sink_.finished_[0].result.outcome, Outcome::rejected);
}

TEST_F(IntakeTest, full_journal_is_told_to_the_hub) {
    sink_.answer_ = {Admission::refused, Error(commands::errc::storage_refused, "the disk is full")};

    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["isSuccess"], false);
    EXPECT_THAT((*answer)["message"].get<std::string>(), HasSubstr("the disk is full"));
}

// Acknowledge: received answers when the journal has the command, before it runs.
TEST_F(AcknowledgingIntakeTest, hub_gets_the_receipt) {
    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["message"], "received");
    test::settle(context_);
    EXPECT_EQ(sink_.finished_.size(), 1U);
}

// A receipt is a promise: what the journal refused is not acknowledged.
TEST_F(AcknowledgingIntakeTest, refusal_is_not_a_receipt) {
    sink_.answer_ = {Admission::conflicting_content, {}};

    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["isSuccess"], false);
}

}  // namespace
}  // namespace jiro::daemon
