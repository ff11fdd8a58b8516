// SPDX-License-Identifier: MIT
#include "daemon/intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/requests/answers.hpp"
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
    bool durable() const noexcept override { return is_durable_; }
    Task<AdmissionResult> received(Receipt, Duration, FirstState) override { co_return answer_; }
    Task<Result<>> started(std::string) override { co_return Result<>(); }
    Task<Result<>> suspended(std::string) override { co_return Result<>(); }
    Task<Result<>> not_again(std::string) override { co_return Result<>(); }
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
    bool is_durable_ = false;
    std::vector<FinishedCommand> finished_;
};

struct ClosedGate final : commands::StartGate {
    std::optional<commands::GateClosed> closed() override {
        return is_on ? std::optional(commands::GateClosed{"paused", false}) : std::nullopt;
    }
    bool is_on = true;
};

class FakeObserver final : public commands::CommandObserver {
  public:
    void rejected(Rejection why) override { rejections_.push_back(why); }

    std::vector<Rejection> rejections_;
};

class IntakeTest : public ::testing::Test {
  protected:
    static constexpr std::size_t kMaxSendBytes = 32 * 1024;

    explicit IntakeTest(commands::Acknowledge acknowledge = commands::Acknowledge::finished)
        : intake_(dispatcher_, observer_, deliveries_, clock_, acknowledge, kMaxSendBytes) {
        boost::asio::co_spawn(context_, dispatcher_.run(),
                              boost::asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
    }
    ~IntakeTest() override {
        stop_.emit(boost::asio::cancellation_type::terminal);
        test::settle(context_);
    }

    static signalr::Invocation invocation(json argument, std::optional<std::string> id,
                                          std::string target = "CommandReceived") {
        return {.target = std::move(target),
                .invocation_id = std::move(id),
                .arguments = json::array({std::move(argument)})};
    }

    // Its arguments go to a reader, as those of a record do.
    Task<Result<json>> receive(signalr::Invocation invocation) {
        const auto reader = commands::make_message_reader();
        for (const json& argument : std::exchange(invocation.arguments, json::array())) {
            EXPECT_FALSE(read_json(argument.dump(), kPatientJsonLimits, *reader));
        }
        invocation.reader = reader;
        return intake_.receive(std::move(invocation));
    }

    Result<json> handle(signalr::Invocation invocation) {
        return test::run_task(context_, receive(std::move(invocation)));
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
    DeliveryWatch deliveries_{context_.get_executor(), clock_};
    Intake intake_;
};

class DeliveringIntakeTest : public IntakeTest {
  protected:
    DeliveringIntakeTest() : IntakeTest(commands::Acknowledge::delivered) {
        boost::asio::co_spawn(context_, receive(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7")),
                              [this](std::exception_ptr, Result<json> answer) { answer_ = std::move(answer); });
        test::settle(context_);
    }

    std::optional<Result<json>> answer_;
};

class AcknowledgingIntakeTest : public IntakeTest {
  protected:
    AcknowledgingIntakeTest() : IntakeTest(commands::Acknowledge::received) {}
};

// The hub's answer is the contract's ActionResult.
TEST_F(IntakeTest, waiting_hub_gets_the_commands_end) {
    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(*answer, json({{"IsSuccess", true},
                             {"Message", "Command 'echo hi' executed successfully"},
                             {"Errors", json::array()},
                             {"RequestId", "cmd-1"}}));
    ASSERT_EQ(sink_.finished_.size(), 1U);
}

// The seed's hubs are told how the command ended.
TEST_F(IntakeTest, seeds_hub_gets_the_commands_end) {
    const auto good = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7", "ReceiveCommand"));
    EXPECT_EQ(*good, json({{"isSuccess", true}, {"message", "hi"}, {"errors", json::array()}, {"requestId", "cmd-1"}}));
    const auto bad = handle(invocation({{"command", "ecko hi"}, {"commandSyncId", "cmd-2"}}, "8", "ReceiveCommand"));
    EXPECT_EQ((*bad)["isSuccess"], false);
    EXPECT_THAT((*bad)["message"].get<std::string>(), HasSubstr("unknown command"));
    EXPECT_EQ((*bad)["errors"], json::array({(*bad)["message"]}));
    EXPECT_FALSE(handle(invocation({{"command", "echo hi"}}, "9", "ReceiveCommand"))) << "an error without an id";
}

// Some hubs send the message as a string that holds the object.
TEST_F(IntakeTest, message_may_be_a_json_string) {
    const auto answer = handle(invocation(R"({"Command":"echo hi","COMMANDSYNCID":"cmd-1"})", "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["RequestId"], "cmd-1");
}

// IsSuccess says that there is an outcome on its way; what it is stands in the message.
TEST_F(IntakeTest, failed_command_is_an_outcome_like_another) {
    const auto answer = handle(invocation({{"command", "ecko hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], true);
    EXPECT_EQ((*answer)["Errors"].size(), 0U);
    EXPECT_THAT((*answer)["Message"].get<std::string>(), HasSubstr("Command 'ecko hi' failed: unknown command"));
}

// Nothing to answer under: the invocation gets an error, the command is counted as rejected.
TEST_F(IntakeTest, message_without_an_id_is_an_error) {
    const auto answer = handle(invocation({{"command", "echo hi"}}, "7", "ReceiveCommand"));

    ASSERT_FALSE(answer.has_value());
    EXPECT_THAT(answer.error().message, HasSubstr("commandSyncId"));
    EXPECT_THAT(observer_.rejections_, ::testing::ElementsAre(Rejection::malformed));
    EXPECT_TRUE(sink_.finished_.empty());
}

TEST_F(IntakeTest, invocation_without_arguments_is_an_error) {
    const auto answer = handle({.target = "ReceiveCommand", .invocation_id = "7", .arguments = json::array()});
    EXPECT_FALSE(answer.has_value());
    EXPECT_THAT(observer_.rejections_, ::testing::ElementsAre(Rejection::malformed));
}

// The contract's target has a shape for that, too: an error would fail the wait of the hub's user in another way.
TEST_F(IntakeTest, contract_gets_a_shaped_answer_to_what_is_no_command) {
    const json rows[] = {json::array(), json::array({nullptr}), json::array({5}),
                         json::array({json{{"command", "x"}, {"a", 1}}}), json::array({"no JSON"})};
    for (const auto& arguments : rows) {
        const auto answer = handle({.target = "CommandReceived", .invocation_id = "7", .arguments = arguments});
        ASSERT_TRUE(answer.has_value()) << arguments.dump();
        EXPECT_EQ((*answer)["IsSuccess"], false) << arguments.dump();
        EXPECT_EQ((*answer)["Errors"].size(), 1U) << arguments.dump();
    }
}

// Hub.Requests without `commands`: the hub is told at once, and its user by the outcome.
TEST_F(IntakeTest, commands_may_be_not_allowed) {
    intake_.update(commands::Acknowledge::finished, CommandsAre::refused, kMaxSendBytes);
    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], false);
    test::settle(context_);
    ASSERT_EQ(sink_.finished_.size(), 1U);
    EXPECT_EQ(sink_.finished_[0].result.outcome, Outcome::rejected);
    EXPECT_THAT(sink_.finished_[0].result.message(), HasSubstr("not allowed"));
}

// Acknowledge: delivered answers when the server has confirmed the result, and not before.
TEST_F(DeliveringIntakeTest, hub_waits_for_the_delivery) {
    ASSERT_EQ(sink_.finished_.size(), 1U);
    EXPECT_FALSE(answer_);
    deliveries_.became("another", DeliveryState::delivered);
    test::settle(context_);
    EXPECT_FALSE(answer_);
    deliveries_.became("cmd-1", DeliveryState::delivered);
    test::settle(context_);
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((**answer_)["IsSuccess"], true);
}

// So does one that repeats the command, unless nothing is delivered any more.
TEST_F(DeliveringIntakeTest, repetition_waits_for_the_delivery_too) {
    const json command{{"command", "echo hi"}, {"commandSyncId", "cmd-1"}};
    const auto repeat = [&] {
        answer_.reset();
        boost::asio::co_spawn(context_, receive(invocation(command, "8")),
                              [this](std::exception_ptr, Result<json> answer) { answer_ = std::move(answer); });
        test::settle(context_);
    };
    sink_.answer_ = {Admission::already_settled, {}, Outcome::succeeded};
    repeat();
    EXPECT_FALSE(answer_);
    deliveries_.became("cmd-1", DeliveryState::delivered);
    test::settle(context_);
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((**answer_)["IsSuccess"], true);

    sink_.answer_ = {Admission::already_forgotten, {}, Outcome::succeeded};
    repeat();
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((**answer_)["IsSuccess"], false);
}

// Whatever ends the delivery ends the wait: what will not come is an error, what a stop keeps is not.
TEST_F(DeliveringIntakeTest, hub_is_told_when_nothing_is_delivered_here_any_more) {
    const auto told_after = [&](const std::function<void(const std::string& id)>& end) {
        static int number = 0;
        const auto id = "ended-" + std::to_string(++number);
        answer_.reset();
        const json command{{"command", "echo hi"}, {"commandSyncId", id}};
        boost::asio::co_spawn(context_, receive(invocation(command, "9", "CommandReceived")),
                              [this](std::exception_ptr, Result<json> answer) { answer_ = std::move(answer); });
        test::settle(context_);
        EXPECT_FALSE(answer_);
        end(id);
        test::settle(context_);
        return answer_ && *answer_ ? **answer_ : json();
    };
    const auto dropped = told_after([&](const auto& id) { deliveries_.became(id, DeliveryState::dropped); });
    EXPECT_EQ(dropped["IsSuccess"], false);
    EXPECT_THAT(dropped["Message"].get<std::string>(), HasSubstr("dropped by the operator"));
    const auto dead = told_after([&](const auto& id) { deliveries_.became(id, DeliveryState::dead); });
    EXPECT_EQ(dead["IsSuccess"], false);
    EXPECT_THAT(dead["Message"].get<std::string>(), HasSubstr("dead letter"));
    const auto kept = told_after([&](const auto&) { deliveries_.stop(); });
    EXPECT_EQ(kept["IsSuccess"], true);
    EXPECT_THAT(kept["Message"].get<std::string>(), HasSubstr("its result is kept until the next start"));
}

// A server that is away does not hold the hub up for longer than its own patience.
TEST_F(DeliveringIntakeTest, hub_is_told_when_the_delivery_takes_too_long) {
    clock_.advance(Intake::kDeliveryLimit);
    test::settle(context_);
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((**answer_)["IsSuccess"], false);
    EXPECT_THAT((**answer_)["Message"].get<std::string>(), HasSubstr("it is kept"));
}

// An outage of the results' server holds no more invocations than that: the hub is still read, and can cancel.
TEST_F(DeliveringIntakeTest, only_so_many_invocations_wait) {
    std::vector<json> answers;
    const auto send = [&](std::size_t number, const char* target) {
        const json command{{"command", "echo hi"}, {"commandSyncId", "more-" + std::to_string(number)}};
        boost::asio::co_spawn(context_, receive(invocation(command, std::to_string(number), target)),
                              [&](std::exception_ptr, Result<json> answer) { answers.push_back(*answer); });
        test::settle(context_);
    };
    for (std::size_t i = 1; i < Intake::kMostWaits; ++i) send(i, "CommandReceived");
    ASSERT_TRUE(answers.empty());
    send(Intake::kMostWaits, "CommandReceived");
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers.back()["IsSuccess"], false);
    EXPECT_THAT(answers.back()["Message"].get<std::string>(), HasSubstr("it is kept"));
    EXPECT_EQ(sink_.finished_.size(), Intake::kMostWaits + 1);

    intake_.update(commands::Acknowledge::finished, CommandsAre::taken, kMaxSendBytes);
    send(Intake::kMostWaits + 1, "ReceiveCommand");
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers.back()["message"], "received");

    deliveries_.became("cmd-1", DeliveryState::delivered);
    test::settle(context_);
    send(Intake::kMostWaits + 2, "ReceiveCommand");
    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(answers.back()["message"], "hi");
}

// A hub closes the connection on a longer record than it takes, and each control character is six bytes there.
TEST_F(IntakeTest, every_answer_fits_into_one_message) {
    int number = 0;
    for (const std::size_t most : {std::size_t{4096}, std::size_t{8192}, kMaxSendBytes}) {
        intake_.update(commands::Acknowledge::finished, CommandsAre::taken, most);
        for (const auto& text : {std::string(5000, '\x01'), std::string(5000, '"'), std::string(5000, 'x')}) {
            for (const char* command : {"echo ", ""}) {
                for (const char* target : {"ReceiveCommand", "CommandReceived"}) {
                    const json message{{"command", command + text},
                                       {"commandSyncId", std::to_string(++number) + std::string(200, '"')}};
                    sink_.answer_ = number / 2 % 2 == 0 ? AdmissionResult{Admission::refused,
                                                                          Error(commands::errc::storage_refused, text)}
                                                        : AdmissionResult{Admission::accepted, {}};
                    const auto answer = handle(invocation(message, "7", target));
                    ASSERT_TRUE(answer) << target;
                    EXPECT_LT(json_bytes(*answer), most - 64) << target << text.substr(0, 1);
                }
            }
        }
    }
}

// Malformed but with an id: the server is told under that id.
TEST_F(IntakeTest, malformed_message_with_an_id_gets_an_error_result) {
    const auto answer = handle(invocation({{"command", 5}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], true);
    ASSERT_EQ(sink_.finished_.size(), 1U);
    EXPECT_EQ(sink_.finished_[0].result.outcome, Outcome::rejected);
}

// A repetition is answered with how its command ended; where nothing is sent any more, nobody is told to wait for it.
TEST_F(IntakeTest, repetition_gets_the_commands_own_end) {
    const struct {
        const char* name;
        AdmissionResult journal;
        bool seeds_is_success;
        bool contracts_is_success;
    } rows[] = {
        {"sent again", {Admission::already_settled, {}, Outcome::succeeded}, true, true},
        {"failed, sent again", {Admission::already_settled, {}, Outcome::timed_out}, false, true},
        {"not known, sent again", {Admission::already_settled, {}}, false, true},
        {"forgotten", {Admission::already_forgotten, {}, Outcome::succeeded}, true, false},
        {"failed, forgotten", {Admission::already_forgotten, {}, Outcome::failed}, false, false},
        {"not known, forgotten", {Admission::already_forgotten, {}}, false, false},
    };
    for (const auto& row : rows) {
        sink_.answer_ = row.journal;
        const json command{{"command", "echo hi"}, {"commandSyncId", "cmd-1"}};
        const auto seeds = handle(invocation(command, "7", "ReceiveCommand"));
        EXPECT_EQ((*seeds)["isSuccess"], row.seeds_is_success) << row.name;
        EXPECT_THAT((*seeds)["message"].get<std::string>(), HasSubstr("ended before")) << row.name;
        EXPECT_EQ((*seeds)["errors"].empty(), row.seeds_is_success) << row.name;
        const auto contracts = handle(invocation(command, "8"));
        EXPECT_EQ((*contracts)["IsSuccess"], row.contracts_is_success) << row.name;
    }
}

// It is the first one's command that runs: who repeated it cannot take it away.
TEST_F(IntakeTest, cancelled_repetition_leaves_the_command_alone) {
    const json command{{"command", "echo hi"}, {"commandSyncId", "cmd-1"}};
    ClosedGate pause;
    dispatcher_.set_gate(pause);
    std::optional<Result<json>> answer;
    boost::asio::co_spawn(context_, receive(invocation(command, "7", "ReceiveCommand")),
                          [&](std::exception_ptr, Result<json> first) { answer = std::move(first); });
    boost::asio::cancellation_signal cancel;
    bool is_cancelled = false;
    const auto on_end = [&](const std::exception_ptr& why, const Result<json>&) { is_cancelled = why != nullptr; };
    boost::asio::co_spawn(context_, receive(invocation(command, "8", "ReceiveCommand")),
                          boost::asio::bind_cancellation_slot(cancel.slot(), on_end));
    test::settle(context_);
    cancel.emit(boost::asio::cancellation_type::terminal);
    test::settle(context_);
    EXPECT_TRUE(is_cancelled);

    pause.is_on = false;
    dispatcher_.gate_changed();
    test::settle(context_);
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((**answer)["message"], "hi");
}

// A hub that waits is refused, and the command does not run later; one that does not wait would lose it.
TEST_F(IntakeTest, what_comes_during_a_stop_is_refused_or_kept) {
    sink_.is_durable_ = true;
    dispatcher_.request_stop();
    const auto contracts = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));
    EXPECT_EQ((*contracts)["IsSuccess"], true) << "its outcome is on its way";
    EXPECT_EQ((*contracts)["Message"], "Command 'echo hi' failed: the client is stopping");
    const auto seeds = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-2"}}, "8", "ReceiveCommand"));
    EXPECT_EQ((*seeds)["isSuccess"], false);
    EXPECT_EQ((*seeds)["message"], "the client is stopping");
    ASSERT_EQ(sink_.finished_.size(), 2U);
    EXPECT_EQ(sink_.finished_[0].result.outcome, Outcome::rejected);

    EXPECT_TRUE(handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-3"}}, std::nullopt)));
    test::settle(context_);
    EXPECT_EQ(sink_.finished_.size(), 2U);
}

// It runs after the restart: no hub may take the answer for a refusal.
TEST_F(IntakeTest, what_waits_at_a_stop_is_told_to_be_kept) {
    sink_.is_durable_ = true;
    ClosedGate pause;
    dispatcher_.set_gate(pause);
    std::vector<Result<json>> answers;
    for (const char* target : {"CommandReceived", "ReceiveCommand"}) {
        const json command{{"command", "echo hi"}, {"commandSyncId", target}};
        boost::asio::co_spawn(context_, receive(invocation(command, "7", target)),
                              [&](std::exception_ptr, Result<json> answer) { answers.push_back(std::move(answer)); });
    }
    test::settle(context_);
    dispatcher_.request_stop();
    test::settle(context_);

    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ((*answers[0])["IsSuccess"], true);
    EXPECT_EQ((*answers[0])["Message"], "Command 'echo hi' waits in the journal for the next start");
    EXPECT_EQ((*answers[1])["isSuccess"], true);
    EXPECT_EQ((*answers[1])["message"], "waits in the journal for the next start");
    EXPECT_TRUE(sink_.finished_.empty());
}

TEST_F(IntakeTest, full_journal_is_told_to_the_hub) {
    sink_.answer_ = {Admission::refused, Error(commands::errc::storage_refused, "the disk is full")};

    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], false);
    EXPECT_THAT((*answer)["Message"].get<std::string>(), HasSubstr("the disk is full"));
}

// Acknowledge: received answers when the journal has the command, before it runs.
TEST_F(AcknowledgingIntakeTest, hub_gets_the_receipt) {
    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["Message"], "Command 'echo hi' received");
    test::settle(context_);
    EXPECT_EQ(sink_.finished_.size(), 1U);
}

// A receipt is a promise: what the journal refused is not acknowledged.
TEST_F(AcknowledgingIntakeTest, refusal_is_not_a_receipt) {
    sink_.answer_ = {Admission::conflicting_content, {}};

    const auto answer = handle(invocation({{"command", "echo hi"}, {"commandSyncId", "cmd-1"}}, "7"));

    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], false);
}

}  // namespace
}  // namespace jiro::daemon
