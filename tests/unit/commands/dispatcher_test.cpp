// SPDX-License-Identifier: MIT
#include "jiro/commands/dispatcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <thread>

#include "commands/exec/run_output.hpp"
#include "commands/exec/running_program.hpp"
#include "commands/handlers/builtin_commands.hpp"
#include "commands/run_queue.hpp"
#include "fakes.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/signature.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro::commands {

using namespace std::chrono_literals;
using test::message;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

namespace asio = boost::asio;

Task<CommandResult> answer(CommandContext& context) {
    co_return CommandResult::text(std::string(context.argument_text()));
}

Task<CommandResult> sleep_one_second(CommandContext& context) {
    co_await context.clock().sleep_for(1s);
    co_return CommandResult::text("slept");
}

Task<CommandResult> sleep_for_ever(CommandContext& context) {
    co_await context.clock().sleep_for(24h * 365);
    co_return CommandResult::text("never");
}

Task<CommandResult> throw_error(CommandContext&) {
    throw std::runtime_error("the handler broke");
    co_return CommandResult();
}

Task<CommandResult> throw_number(CommandContext&) {
    throw 7;
    co_return CommandResult();
}

Task<CommandResult> answer_much(CommandContext&) { co_return CommandResult::text(std::string(2000, 'x')); }

// As a built-in command does, without a coroutine.
CommandResult answer_at_once(const CommandContext& context) {
    if (context.argument_text() == "throw") throw std::runtime_error("the answer broke");
    if (context.argument_text() == "throw-number") throw 7;
    return CommandResult::text(std::string(context.argument_text() == "much" ? 2000 : 3, 'x'));
}

Task<CommandResult> show_session(CommandContext& context) { co_return CommandResult::text(context.session_id()); }

Task<CommandResult> use_worker(CommandContext& context) {
    const auto loop = std::this_thread::get_id();
    const auto id = co_await context.run_on_worker([] { return std::this_thread::get_id(); });
    co_return CommandResult::text(id == loop ? "same thread" : "another thread");
}

Task<CommandResult> fail_on_worker(CommandContext& context) {
    co_await context.run_on_worker([] { throw std::runtime_error("the worker broke"); });
    co_return CommandResult();
}

// Catches its cancellation and returns what it has, as exec commands do.
Task<CommandResult> clean_up_when_cancelled(CommandContext& context) {
    bool cancelled = false;
    try {
        co_await context.clock().sleep_for(24h);
    } catch (const std::exception&) {
        cancelled = true;
    }
    co_return cancelled ? CommandResult::cancelled("half done") : CommandResult::text("done");
}

// As a program with an hour of KillGraceMs, that needs it.
Task<CommandResult> take_an_hour_to_end(CommandContext& context) {
    const auto only_end_of_grace = [](asio::cancellation_type type) { return type & asio::cancellation_type::total; };
    co_await asio::this_coro::reset_cancellation_state(only_end_of_grace, only_end_of_grace);
    try {
        co_await context.clock().sleep_for(1h);
    } catch (const std::exception&) {
    }
    co_return context.is_grace_over() ? CommandResult::cancelled("killed") : CommandResult::text("an hour");
}

// Prints as a program does: a line now, another one after a second; and goes on for a day.
Task<CommandResult> print_halves(CommandContext& context) {
    const auto printed = std::make_shared<RunOutput>(1000);
    context.show_output(printed);
    printed->output.append("\xE2\x82");
    co_await context.clock().sleep_for(1s);
    printed->output.append("\xAC\xE9.\xC3");
    co_await context.clock().sleep_for(1s);
    printed->output.skip(10);
    printed->output.append("\xF0\x9F");
    co_await context.clock().sleep_for(1s);
    co_return CommandResult::text("done");
}

Task<CommandResult> print_and_sleep(CommandContext& context) {
    const auto printed = std::make_shared<RunOutput>(1000);
    printed->user = "somebody";
    context.show_output(printed);
    printed->output.append("first\n");
    co_await context.clock().sleep_for(1s);
    printed->output.append("second \xE2\x82");
    co_await context.clock().sleep_for(1s);
    printed->output.append("\xAC\n");
    printed->error_output.append("a warning\n");
    co_await context.clock().sleep_for(1s);
    co_return CommandResult::text("done");
}

// Asks for the machine's restart each time.
Task<CommandResult> ask_for_reboot(CommandContext& context) {
    context.suspend({10min});
    co_return CommandResult::failed("exit code 194, resumed " + std::to_string(context.resumes()) + " times");
}

// Asks once.
Task<CommandResult> reboot_once(CommandContext& context) {
    if (context.resumes() == 0) context.suspend({10min});
    co_return CommandResult::text("resumed " + std::to_string(context.resumes()) + " times");
}

// As a program that somebody else holds, too: at the daemon's stop it is left as it is.
Task<CommandResult> go_on(CommandContext& context) {
    Handover& handover = *context.handover();
    handover.is_possible = true;
    bool is_cancelled = false;
    try {
        if (!handover.is_due()) co_await context.clock().sleep_until(context.started_at() + 1h);
    } catch (const std::exception&) {
        is_cancelled = true;
    }
    handover.is_done = handover.is_due();
    co_return is_cancelled ? CommandResult::cancelled("ended") : CommandResult::text("an hour");
}

std::shared_ptr<const CommandRegistry> make_commands() {
    CommandRegistry::Handlers handlers;
    const auto add = [&](const char* name, CommandFunction body, auto... change) {
        CommandDescription description;
        description.name = name;
        (change(description), ...);
        handlers.push_back(make_handler(std::move(description), std::move(body)));
    };
    add("answer", answer, [](auto& d) { d.idempotent = true; });
    add("sleep", sleep_one_second);
    add("hang", sleep_for_ever);
    add("repeatable", take_an_hour_to_end, [](auto& d) { d.idempotent = true; });
    add("single", sleep_one_second, [](auto& d) { d.max_concurrent = 1; });
    add("ask", sleep_one_second, [](auto& d) { d.time_limit = 1500ms, d.one_in_session = true; });
    add("quick", sleep_for_ever, [](auto& d) { d.time_limit = 100ms; });
    add("throw", throw_error);
    add("throw-number", throw_number);
    add("much", answer_much);
    add("session", show_session);
    add("worker", use_worker);
    add("worker-fails", fail_on_worker);
    add("careful", clean_up_when_cancelled);
    add("stubborn", take_an_hour_to_end);
    add("look", answer, [](auto& d) { d.control = true; });
    add("look-long", sleep_for_ever, [](auto& d) { d.control = true; });
    add("print", print_and_sleep);
    add("print-halves", print_halves);
    add("reboot", ask_for_reboot, [](auto& d) { d.resume_within = 10min; });
    add("program", go_on, [](auto& d) { d.time_limit = 2h, d.runs = "/bin/it"; });
    add("program-once", go_on, [](auto& d) { d.time_limit = 2h, d.max_concurrent = 1, d.runs = "/bin/it"; });
    add("reboot-once", reboot_once, [](auto& d) { d.resume_within = 10min; });
    handlers.push_back(make_answering({.name = "at-once"}, answer_at_once));
    return CommandRegistry::make(std::move(handlers)).value();
}

class DispatcherTest : public ::testing::Test {
  protected:
    ~DispatcherTest() override {
        workers.join();
        if (!dispatcher) return;
        dispatcher->request_stop();
        dispatcher->cancel_all(CancelReason::shutting_down);
        jiro::test::settle(context);
        observer.check();
    }

    void start(Settings settings = {}) {
        dispatcher.emplace(context.get_executor(), clock, random, workers, sink, observer, std::move(settings),
                           make_commands());
        asio::co_spawn(context, dispatcher->run(), asio::detached);
        jiro::test::settle(context);
    }

    ReceivedCommand receive(CommandMessage command) {
        return jiro::test::run_task(context, dispatcher->receive(std::move(command)));
    }

    void recover(CommandMessage command, Duration waited = 1s) {
        recover({.message = std::move(command), .received_at = clock.now() - waited});
    }
    void recover(LeftCommand left) { jiro::test::run_task(context, dispatcher->recover(std::move(left))); }
    LeftCommand suspended(std::string id, std::string text, Duration since) {
        return {.message = message(std::move(id), std::move(text)),
                .received_at = clock.now() - since - 1s,
                .has_run = true,
                .resumes = 1,
                .suspended_at = clock.now() - since};
    }

    // Receives a command and returns its outcome, which must come without time passing.
    CommandResult result_of(std::string text) {
        const auto id = "id" + std::to_string(next_id++);
        receive(message(id, std::move(text)));
        jiro::test::settle(context);
        const auto* finished = sink.outcome_of(id);
        EXPECT_NE(finished, nullptr);
        return finished != nullptr ? finished->result : CommandResult::failed("no outcome");
    }

    void pass(Duration duration) {
        clock.advance(duration);
        jiro::test::settle(context);
    }

    void expect_a_stop_waits_for(const std::string& text) {
        std::vector<asio::steady_timer*> gate;
        sink.gate = &gate;
        sink.is_durable = true;
        start();
        asio::co_spawn(context, dispatcher->receive(message("c1", text)), asio::detached);
        jiro::test::settle(context);
        dispatcher->request_stop();
        bool has_drained = false;
        asio::co_spawn(context, dispatcher->drain(clock.now() + 1min),
                       [&](const std::exception_ptr&, bool drained) { has_drained = drained; });
        jiro::test::settle(context);
        EXPECT_FALSE(has_drained);
        ASSERT_EQ(gate.size(), 1U);
        gate[0]->cancel();
        jiro::test::settle(context);

        EXPECT_TRUE(has_drained);
        ASSERT_NE(sink.outcome_of("c1"), nullptr);
        EXPECT_EQ(sink.outcome_of("c1")->result.outcome, Outcome::succeeded);
    }

    asio::io_context context;
    asio::thread_pool workers{1};
    jiro::test::ManualClock clock;
    jiro::test::FixedRandom random{1, 2, 3, 4};
    test::RecordingSink sink;
    test::CountingObserver observer;
    std::optional<Dispatcher> dispatcher;
    int next_id = 0;
};

}  // namespace

// The main job: journalled, started, run, settled, in this order, and the receipt knows the outcome.
TEST_F(DispatcherTest, runs_a_command_and_settles_it) {
    start();

    const auto receipt = receive(message("c1", "$answer hello  world"));
    jiro::test::settle(context);

    EXPECT_EQ(receipt.kind(), ReceivedCommand::Kind::accepted);
    EXPECT_THAT(sink.received_ids, ElementsAre("c1"));
    EXPECT_THAT(observer.started_ids, ElementsAre("c1"));
    EXPECT_TRUE(sink.idempotent_ids.contains("c1"));
    const auto* finished = sink.outcome_of("c1");
    ASSERT_NE(finished, nullptr);
    EXPECT_EQ(finished->command_name, "answer");
    EXPECT_EQ(finished->message.session_id, "session");
    EXPECT_EQ(finished->result, CommandResult::text("hello  world"));
    const auto completion = jiro::test::run_task(context, receipt.finished());
    EXPECT_TRUE(completion.is_success());
    EXPECT_EQ(completion.message, "hello  world");
    EXPECT_EQ(observer.successful, 1);
}

// Every way in which a command can go wrong has an outcome and a text.
TEST_F(DispatcherTest, turns_every_failure_into_an_error_result) {
    Settings settings;
    settings.max_result_bytes = 1000;
    start(settings);
    const struct {
        const char* text;
        Outcome outcome;
        const char* message;
    } rows[] = {{"throw", Outcome::failed, "the handler broke"},
                {"throw-number", Outcome::failed, "unknown exception"},
                {"much", Outcome::failed, "2000 bytes"},
                {"at-once throw", Outcome::failed, "the answer broke"},
                {"at-once throw-number", Outcome::failed, "unknown exception"},
                {"at-once much", Outcome::failed, "2000 bytes"},
                {"anser x", Outcome::rejected, "did you mean \"answer\"?"},
                {"   ", Outcome::rejected, "empty"},
                {"answer 'x", Outcome::rejected, "not closed"}};
    for (const auto& row : rows) {
        const auto result = result_of(row.text);
        EXPECT_EQ(result.outcome, row.outcome) << row.text;
        EXPECT_THAT(result.message(), HasSubstr(row.message)) << row.text;
    }
    EXPECT_EQ(observer.failed, 9);
    EXPECT_EQ(result_of("at-once"), CommandResult::text("xxx"));
}

// A missing session is created; handler and result have it.
TEST_F(DispatcherTest, creates_and_carries_the_session) {
    start();
    auto command = message("c1", "session");
    command.session_id.clear();

    receive(std::move(command));
    jiro::test::settle(context);

    const auto* finished = sink.outcome_of("c1");
    ASSERT_NE(finished, nullptr);
    EXPECT_EQ(finished->result.message().size(), 36U) << "a UUID was created";
    EXPECT_EQ(finished->message.session_id, finished->result.message());
}

// A malformed message with an id is answered under it, through the journal like any other.
TEST_F(DispatcherTest, answers_a_malformed_message) {
    start();
    jiro::test::run_task(context,
                         dispatcher->receive(message("c1", ""), Error(errc::missing_command, "no command in it")));
    jiro::test::settle(context);
    ASSERT_NE(sink.outcome_of("c1"), nullptr);
    EXPECT_EQ(sink.outcome_of("c1")->result, CommandResult::rejected(Error(errc::missing_command, "no command in it")));
    EXPECT_TRUE(observer.started_ids.empty());
}

// What ended last is listed, the newest first, with its times and with what became of its result; what only looks is
// not.
TEST_F(DispatcherTest, lists_what_ended) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("first", "sleep"));
    receive(message("second", "throw"));
    receive(message("unknown", "anser x"));
    receive(message("looks", "look"));
    pass(1s);

    dispatcher->set_delivery("first", DeliveryState::delivered);
    dispatcher->set_delivery("second", DeliveryState::dead);
    dispatcher->set_delivery("nothing", DeliveryState::dead);
    pass(2s);

    const auto ended = dispatcher->ended(50);
    ASSERT_EQ(ended.size(), 3U);
    EXPECT_EQ(ended[0].id, "second");
    EXPECT_EQ(ended[0].outcome, Outcome::failed);
    EXPECT_EQ(ended[0].queue_time, 1s);
    EXPECT_EQ(ended[0].run_time, 0s);
    EXPECT_EQ(ended[0].delivery, DeliveryState::dead);
    EXPECT_EQ(ended[1].id, "first");
    EXPECT_EQ(ended[1].name, "sleep");
    EXPECT_EQ(ended[1].age, 2s);
    EXPECT_EQ(ended[1].queue_time, 0s);
    EXPECT_EQ(ended[1].run_time, 1s);
    EXPECT_EQ(ended[1].delivery, DeliveryState::delivered);
    EXPECT_EQ(ended[2].name, "");  // what is no command has no name here: that would be the hub's text
    EXPECT_EQ(ended[2].id, "unknown");
    EXPECT_EQ(ended[2].outcome, Outcome::rejected);
    EXPECT_EQ(ended[2].delivery, DeliveryState::waiting);
    EXPECT_EQ(dispatcher->ended(1).size(), 1U);
}

// With InstanceId set, a command for another instance does not run here.
TEST_F(DispatcherTest, refuses_commands_for_another_instance) {
    Settings settings;
    settings.instance_id = "me";
    start(settings);
    auto command = message("c1", "answer");
    command.instance_id = "other";
    receive(command);
    command.command_sync_id = "c2";
    command.instance_id = "ME";
    receive(command);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("c1")->result.outcome, Outcome::rejected);
    EXPECT_EQ(sink.outcome_of("c2")->result.outcome, Outcome::succeeded);
}

// What was refused when it came does not run later: a restart that finds no outcome of it refuses it again, whatever
// the settings say then.
TEST_F(DispatcherTest, refuses_again_after_a_restart) {
    Settings settings;
    settings.instance_id = "me";
    start(settings);
    auto command = message("c1", "answer");
    command.instance_id = "other";
    receive(command);
    jiro::test::settle(context);
    const std::string reason = sink.outcome_of("c1")->result.message();
    auto kept = parse_payload(sink.payloads.at("c1"));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->message.command, "answer");

    sink.finished_commands.clear();
    start();
    recover({.message = std::move(kept->message), .refusal = std::move(kept->refusal)});
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("c1")->result.outcome, Outcome::rejected);
    EXPECT_EQ(sink.outcome_of("c1")->result.message(), reason);
    EXPECT_EQ(observer.active, 0);
}

// Of what has run before a restart, and is not to run again, nobody is told that it did not run.
TEST_F(DispatcherTest, does_not_say_of_what_has_run_that_it_did_not) {
    Settings settings;
    settings.max_wait = 10s;
    settings.max_concurrent = 1;
    start(settings);
    recover({.message = message("gone", "unknown"), .has_run = true});
    // Its definition was another one when it came, perhaps.
    recover({.message = message("once", "sleep"), .has_run = true, .repeats = true});
    jiro::test::settle(context);
    receive(message("runs", "hang"));
    recover({.message = message("late", "answer"), .received_at = clock.now() - 1h, .has_run = true});
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("late"), nullptr);  // it waits anew
    pass(10s);
    for (const char* id : {"gone", "late", "once"}) {
        EXPECT_EQ(sink.outcome_of(id)->result.outcome, Outcome::interrupted) << id;
        EXPECT_THAT(sink.outcome_of(id)->result.message(), HasSubstr("its effect is unknown")) << id;
    }
}

// What is audited of a command from before a restart: whose it is, also when it is refused now or its key's time is
// over by now; and as whom it ran, never as somebody who did not run it.
TEST_F(DispatcherTest, audits_what_came_before_a_restart) {
    auto key = Ed25519PrivateKey::generate().value();
    Settings settings;
    settings.instance_id = "me";
    settings.max_wait = 10s;
    settings.trust.keys_folder = "/etc/jiro/trusted.d";
    settings.trust.keys = {{"ci", Ed25519PublicKey::from_pem(key.public_pem()).value()}};
    start(settings);
    const auto received_at = clock.now();
    const auto left = [&](std::string id, std::string text) {
        LeftCommand command{.message = message(std::move(id), std::move(text)), .received_at = received_at};
        command.message.instance_id = "me";
        const auto not_after = std::chrono::floor<std::chrono::seconds>(clock.wall_now().time_since_epoch()) + 10min;
        sign(command.message, key, "ci", not_after.count());
        return command;
    };
    LeftCommand survived = left("survived", "unknown");
    survived.runs_since = received_at - 1ms;
    LeftCommand again = left("again", "unknown");
    again.has_run = again.repeats = true;
    LeftCommand began = left("began", "sleep");
    LeftCommand waits = left("waits", "sleep");
    LeftCommand forged = left("forged", "sleep");
    forged.message.command = "hang";
    pass(30min);

    recover(std::move(survived));
    recover(std::move(again));
    dispatcher->note_interrupted(began.message, began.received_at);
    recover(std::move(waits));
    recover(std::move(forged));
    receive(message("now", "at-once"));
    receive(message("not started", "program"));
    dispatcher->cancel("not started", CancelReason::by_hub);
    jiro::test::settle(context);

    const struct {
        const char* id;
        const char* signed_by;
        std::string user;
        Duration received_ago;
        std::optional<Duration> started_ago;
    } rows[] = {
        {"survived", "ci", "unknown", 30min, 30min},
        {"again", "ci", "unknown", 30min, std::nullopt},
        {"began", "ci", "unknown", 30min, std::nullopt},
        {"waits", "ci", "", 30min, std::nullopt},
        {"forged", "", "", 30min, std::nullopt},
        {"now", "", own_user(), 0s, 0s},
        {"not started", "", "", 0s, 0s},
    };
    for (const auto& row : rows) {
        ASSERT_TRUE(observer.audited.contains(row.id)) << row.id;
        const auto& audited = observer.audited[row.id];
        EXPECT_EQ(audited.signed_by, row.signed_by) << row.id;
        EXPECT_EQ(audited.user, row.user) << row.id;
        EXPECT_EQ(audited.started_ago, row.started_ago) << row.id;
        EXPECT_EQ(audited.received_ago, row.received_ago) << row.id;
    }
}

// Whoever is told that a command is cancelled can rely on that: what waits has its outcome in the journal, and what
// runs is not repeated after a crash.
TEST_F(DispatcherTest, a_cancellation_is_kept) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("repeatable", "repeatable"));
    receive(message("waits", "answer"));
    jiro::test::settle(context);
    for (const char* id : {"waits", "repeatable"}) {
        EXPECT_EQ(dispatcher->cancel(id, CancelReason::by_hub), CancelAnswer::is_ending);
        jiro::test::run_task(context, dispatcher->until_cancel_is_kept(id));
    }
    ASSERT_NE(sink.outcome_of("waits"), nullptr);
    EXPECT_EQ(sink.outcome_of("waits")->result.outcome, Outcome::cancelled);
    EXPECT_THAT(sink.not_again_ids, ElementsAre("repeatable"));
}

// Texts without a known name go to Commands.Default as a whole, quotes or not.
TEST_F(DispatcherTest, hands_other_texts_to_the_default_command) {
    Settings settings;
    settings.default_command = "answer";
    start(settings);
    EXPECT_EQ(result_of("what's up?").message(), "what's up?");
}

// What waits is bounded in bytes, too. Refusals of big commands are small.
TEST_F(DispatcherTest, limits_the_bytes_of_what_waits) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    const auto big = [](int number) {
        auto command = message("c" + std::to_string(number), "sleep");
        command.parameters = {{"data", std::string(1024 * 1024, 'x')}};
        return command;
    };
    for (int i = 0; i < 40; ++i) receive(big(i));
    receive(message("small", "sleep"));
    jiro::test::settle(context);

    EXPECT_EQ(observer.active, 1);
    EXPECT_EQ(observer.queued, 32) << "31 big ones and the small one";
    ASSERT_EQ(sink.finished_commands.size(), 8U);
    for (const auto& refused : sink.finished_commands) {
        EXPECT_THAT(refused.result.message(), HasSubstr("busy: 31 commands wait"));
        EXPECT_TRUE(refused.message.parameters.empty());
    }
    for (int i = 0; i < 33; ++i) pass(1s);
    EXPECT_EQ(observer.successful, 33);
    receive(big(100));
    pass(1s);
    EXPECT_EQ(sink.outcome_of("c100")->result.outcome, Outcome::succeeded) << "there is room again";
    EXPECT_EQ(sink.outcome_of("c100")->message.parameters.size(), 1U);
}

// At most MaxConcurrent run, at most MaxQueued wait, the rest is answered "busy" at once; the order is that of arrival.
TEST_F(DispatcherTest, limits_what_runs_and_what_waits) {
    Settings settings;
    settings.max_concurrent = 2;
    settings.max_queued = 3;
    start(settings);

    for (int i = 0; i < 7; ++i) receive(message("c" + std::to_string(i), "sleep"));
    jiro::test::settle(context);

    EXPECT_THAT(observer.started_ids, ElementsAre("c0", "c1"));
    EXPECT_EQ(observer.queued, 3);
    ASSERT_EQ(sink.finished_commands.size(), 2U);
    EXPECT_THAT(sink.finished_commands[0].result.message(), HasSubstr("busy"));
    EXPECT_EQ(sink.finished_commands[0].result.outcome, Outcome::rejected);

    pass(1s);
    pass(1s);
    pass(1s);
    EXPECT_THAT(observer.started_ids, ElementsAre("c0", "c1", "c2", "c3", "c4"));
    EXPECT_EQ(sink.finished_commands.size(), 7U);
    EXPECT_EQ(observer.most_active, 2);
    EXPECT_EQ(sink.outcome_of("c4")->queue_time, 2s);
    EXPECT_EQ(sink.outcome_of("c4")->run_time, 1s);
}

// A command with a limit of its own lets others pass, and keeps the order among its own kind.
TEST_F(DispatcherTest, limits_one_command_without_blocking_others) {
    start();
    for (const auto* id : {"s1", "s2", "s3"}) receive(message(id, "single"));
    receive(message("a", "answer"));
    jiro::test::settle(context);
    EXPECT_THAT(observer.started_ids, ElementsAre("s1", "a"));
    EXPECT_EQ(dispatcher->cancel("s2", CancelReason::by_hub), CancelAnswer::is_ending);
    pass(1s);
    EXPECT_THAT(observer.started_ids, ElementsAre("s1", "a", "s3"));
    pass(1s);
    EXPECT_EQ(sink.outcome_of("s2")->result, CommandResult::cancelled("cancelled: by the hub"));
    EXPECT_EQ(sink.finished_commands.size(), 4U);
}

// What waits for its session has no slot, and its time limit does not run; that of its waiting does.
TEST_F(DispatcherTest, runs_one_command_of_a_session_at_a_time_without_blocking_others) {
    Settings settings;
    settings.max_concurrent = 2;
    settings.max_wait = 2500ms;
    start(settings);
    for (const auto* id : {"a1", "a2", "a3", "a4"}) receive(message(id, "ask"));
    auto elsewhere = message("b1", "ask");
    elsewhere.session_id = "another";
    receive(std::move(elsewhere));
    EXPECT_THAT(observer.started_ids, ElementsAre("a1", "b1"));
    pass(1s);
    EXPECT_THAT(observer.started_ids, ElementsAre("a1", "b1", "a2"));
    receive(message("c", "answer"));
    pass(1s);
    pass(500ms);
    pass(500ms);

    EXPECT_THAT(observer.started_ids, ElementsAre("a1", "b1", "a2", "c", "a3"));
    EXPECT_EQ(sink.outcome_of("a3")->result.outcome, Outcome::succeeded) << "it waited longer than it may run";
    EXPECT_EQ(sink.outcome_of("a3")->queue_time, 2s);
    EXPECT_EQ(sink.outcome_of("a4")->result.outcome, Outcome::timed_out);
    EXPECT_THAT(sink.outcome_of("a4")->result.message(), HasSubstr("MaxWaitMs"));
}

// Commands that hang in every slot, and a full queue, keep nobody from looking; and what looks takes no slot.
TEST_F(DispatcherTest, runs_control_commands_beside_the_slots) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_queued = 1;
    start(settings);
    for (const auto* id : {"runs", "waits"}) receive(message(id, "hang"));
    EXPECT_EQ(result_of("answer").outcome, Outcome::rejected);

    EXPECT_EQ(result_of("look here"), CommandResult::text("here"));
    EXPECT_TRUE(sink.started_with_receipt.contains("id1")) << "one commit for its receipt and its start";
    dispatcher->set_older_in_journal(true);
    EXPECT_EQ(result_of("look again"), CommandResult::text("again"));
    EXPECT_EQ(observer.active, 1);
    EXPECT_EQ(observer.queued, 1);
}

// The lane is small: what finds it full waits with the others, as before there was one.
TEST_F(DispatcherTest, keeps_the_lane_of_control_commands_small) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_queued = 0;
    start(settings);
    receive(message("hangs", "hang"));
    for (int i = 0; i < kControlCommands; ++i) receive(message("look" + std::to_string(i), "look-long"));
    jiro::test::settle(context);
    EXPECT_EQ(observer.active, 1 + kControlCommands);
    EXPECT_THAT(result_of("look").message(), HasSubstr("busy"));

    dispatcher->cancel("look3", CancelReason::by_hub);
    jiro::test::settle(context);
    EXPECT_EQ(result_of("look there"), CommandResult::text("there"));
}

// What runs can be seen, with what it has printed so far; what only looks is not shown.
TEST_F(DispatcherTest, shows_what_runs_and_what_it_has_printed) {
    Settings settings;
    settings.max_concurrent = 2;
    start(settings);
    receive(message("p", "print"));
    receive(message("s", "hang"));
    receive(message("w", "hang"));
    receive(message("l", "look-long"));
    pass(1s);

    const auto runs = dispatcher->running();
    ASSERT_EQ(runs.size(), 2U);
    EXPECT_EQ(runs[0].id, "p");
    EXPECT_EQ(runs[0].name, "print");
    EXPECT_EQ(runs[0].user, "somebody");
    EXPECT_EQ(runs[0].age, 1s);
    EXPECT_EQ(runs[0].output_bytes, 15U);
    EXPECT_THAT(runs[0].last_lines, ::testing::StartsWith("first\nsecond"));
    EXPECT_EQ(runs[1].id, "s");
    EXPECT_EQ(runs[1].output_bytes, 0U);
    EXPECT_EQ(dispatcher->waiting(), 1U);
}

// Asking again from where the last part ended follows the output to its end: nothing twice, no half character.
TEST_F(DispatcherTest, gives_the_output_part_by_part) {
    start();
    receive(message("p", "print"));
    jiro::test::settle(context);
    auto part = dispatcher->output("p", 0, 4).value();
    EXPECT_EQ(part.text, "firs");
    EXPECT_EQ(part.next, 4U);
    EXPECT_EQ(part.total, 6U);
    EXPECT_FALSE(part.outcome);
    pass(1s);
    part = dispatcher->output("p", part.next, 1000).value();
    EXPECT_EQ(part.text, "t\nsecond ") << "the rest of a character may still come";
    pass(1s);
    part = dispatcher->output("p", part.next, 1000).value();
    EXPECT_EQ(part.text, "\xE2\x82\xAC\n");
    EXPECT_EQ(part.error_text, "a warning\n");
    EXPECT_EQ(dispatcher->output("p", part.next, 1000)->text, "");
    EXPECT_EQ(dispatcher->output("p", part.next + 1, 1000).error().code, errc::beyond_output);
    pass(1s);

    part = dispatcher->output("p", part.next, 1000).value();
    EXPECT_EQ(part.text, "");
    EXPECT_EQ(part.next, part.total);
    EXPECT_EQ(part.outcome, Outcome::succeeded);
    EXPECT_THAT(dispatcher->output("p", 1000, 10).error().message, HasSubstr("ended"));
    EXPECT_EQ(dispatcher->output("nothing", 0, 10).error().code, errc::no_such_run);
}

// Half a character that was printed alone waits for its other half; one that gets none, because the rest was not kept
// or the command has ended, holds nobody up.
TEST_F(DispatcherTest, gives_no_half_character) {
    start();
    receive(message("h", "print-halves"));
    jiro::test::settle(context);
    auto part = dispatcher->output("h", 0, 1000).value();
    EXPECT_EQ(part.text, "");
    EXPECT_EQ(part.next, 0U);
    EXPECT_EQ(part.total, 2U);
    pass(1s);
    part = dispatcher->output("h", 0, 2).value();
    EXPECT_EQ(part.next, 2U) << "so little was asked for that there is no whole one";
    part = dispatcher->output("h", 0, 1000).value();
    EXPECT_EQ(part.text, "\xE2\x82\xAC\xEF\xBF\xBD.");
    EXPECT_EQ(part.next, 5U);
    EXPECT_EQ(part.total, 6U);
    pass(1s);
    EXPECT_EQ(dispatcher->output("h", 5, 1000)->next, 6U) << "there is a gap behind it";
    EXPECT_EQ(dispatcher->output("h", 6, 1000)->text, "");
    pass(1s);
    EXPECT_EQ(dispatcher->output("h", 6, 1000)->text, "\xEF\xBF\xBD");
}

// A command that waits has printed nothing; one that ended without a program has nothing but its result.
TEST_F(DispatcherTest, says_why_there_is_no_output) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("a", "answer"));
    jiro::test::settle(context);
    EXPECT_EQ(dispatcher->output("a", 0, 10).error().code, errc::output_gone);
    receive(message("s", "hang"));
    receive(message("w", "hang"));
    EXPECT_EQ(dispatcher->output("s", 0, 10)->total, 0U);
    EXPECT_THAT(dispatcher->output("w", 0, 10).error().message, HasSubstr("waits"));
}

// A cancellation that comes when the end is known, and only being stored, changes nothing and says so.
TEST_F(DispatcherTest, cancels_nothing_that_has_ended) {
    start();
    receive(message("c", "careful"));
    EXPECT_EQ(dispatcher->cancel("c", CancelReason::by_operator), CancelAnswer::is_ending);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("c")->result,
              CommandResult::cancelled("cancelled: by an operator of this machine; half done"));
    EXPECT_EQ(dispatcher->cancel("c", CancelReason::by_operator), CancelAnswer::has_ended);
    EXPECT_EQ(dispatcher->cancel("other", CancelReason::by_operator), CancelAnswer::unknown);
}

// The journal's slowness never changes the order in which commands start.
TEST_F(DispatcherTest, starts_in_arrival_order_whatever_the_journal_does) {
    std::vector<asio::steady_timer*> gate;
    sink.gate = &gate;
    start();
    for (const auto* id : {"c1", "c2", "c3"}) {
        asio::co_spawn(context, dispatcher->receive(message(id, "answer")), asio::detached);
    }
    jiro::test::settle(context);
    ASSERT_EQ(gate.size(), 3U);

    gate[2]->cancel();
    gate[1]->cancel();
    jiro::test::settle(context);
    EXPECT_TRUE(observer.started_ids.empty());
    gate[0]->cancel();
    jiro::test::settle(context);

    EXPECT_THAT(observer.started_ids, ElementsAre("c1", "c2", "c3"));
}

// The same command again is ignored; another one under its id is refused; both are counted, neither runs.
TEST_F(DispatcherTest, recognises_repetitions_and_conflicts) {
    start();
    receive(message("c1", "sleep"));

    const auto again = receive(message("c1", "sleep"));
    const auto other = receive(message("c1", "answer evil"));
    EXPECT_EQ(again.kind(), ReceivedCommand::Kind::duplicate);
    EXPECT_EQ(other.kind(), ReceivedCommand::Kind::refused);
    EXPECT_THAT(jiro::test::run_task(context, other.finished()).message, HasSubstr("same commandSyncId"));
    pass(1s);

    EXPECT_EQ(jiro::test::run_task(context, again.finished()).message, "slept");
    EXPECT_EQ(sink.finished_commands.size(), 1U);
    EXPECT_EQ(observer.received_count, 1);
    EXPECT_EQ(observer.rejections[Rejection::duplicate], 1);
    EXPECT_EQ(observer.rejections[Rejection::conflicting_content], 1);
}

// What the journal says about a command that this process does not know.
TEST_F(DispatcherTest, obeys_the_journals_verdict) {
    start();
    const struct {
        const char* name;
        AdmissionResult answer;
        ReceivedCommand::Kind kind;
        const char* message;
    } rows[] = {
        {"settled", {Admission::already_settled, {}}, ReceivedCommand::Kind::duplicate, "sent again"},
        {"in progress", {Admission::already_in_progress, {}}, ReceivedCommand::Kind::duplicate, "already"},
        {"conflict", {Admission::conflicting_content, {}}, ReceivedCommand::Kind::refused, "same commandSyncId"},
        {"full",
         {Admission::refused, Error(errc::storage_refused, "disk full")},
         ReceivedCommand::Kind::refused,
         "disk full"}};
    for (const auto& row : rows) {
        sink.next_answer = row.answer;
        const auto receipt = receive(message(row.name, "answer"));
        EXPECT_EQ(receipt.kind(), row.kind) << row.name;
        EXPECT_THAT(jiro::test::run_task(context, receipt.finished()).message, HasSubstr(row.message)) << row.name;
    }
    jiro::test::settle(context);
    EXPECT_TRUE(observer.started_ids.empty());
    EXPECT_EQ(observer.received_count, 0);
    EXPECT_EQ(sink.sent_again, 1);
    ASSERT_EQ(sink.unstored.size(), 1U);
    EXPECT_THAT(sink.unstored[0].result.message(), HasSubstr("disk full"));

    sink.next_answer = {Admission::accepted, {}};
    sink.next_error = "I/O error";
    EXPECT_EQ(receive(message("broken", "answer")).kind(), ReceivedCommand::Kind::refused);
    sink.next_error.reset();
    EXPECT_EQ(result_of("answer on").message(), "on") << "and life goes on";
}

struct Call {
    std::optional<CommandResult> result;
    asio::cancellation_signal cancel;
};

// What another command calls is a command like any other, but in the journal, and for the slots: the caller has one.
TEST_F(DispatcherTest, a_call_is_a_command_beside_the_slots) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.prefix = "$";
    start(settings);
    std::deque<Call> calls;
    const auto call = [&](const std::string& id, std::string text) -> Call& {
        Call& made = calls.emplace_back();
        const auto on_end = [&made](const std::exception_ptr&, CommandResult result) {
            made.result = std::move(result);
        };
        asio::co_spawn(context, dispatcher->call(message(id, std::move(text))),
                       asio::bind_cancellation_slot(made.cancel.slot(), on_end));
        jiro::test::settle(context);
        return made;
    };
    receive(message("holds the slot", "$hang"));
    receive(message("waits for it", "$single"));

    Call& first = call("tool-1", "single");
    Call& second = call("tool-2", "single");
    EXPECT_EQ(dispatcher->running().size(), 2U);
    EXPECT_EQ(dispatcher->running()[1].id, "tool-1");
    clock.advance(1s);
    jiro::test::settle(context);
    ASSERT_TRUE(first.result);
    EXPECT_TRUE(first.result->is_success());
    EXPECT_FALSE(second.result) << "its command has a limit of its own";
    EXPECT_EQ(dispatcher->running().back().id, "tool-2") << "before who waits without holding a slot";

    dispatcher->cancel("holds the slot", CancelReason::by_operator);
    jiro::test::settle(context);
    EXPECT_EQ(dispatcher->running().size(), 1U) << "a call counts for its command's own limit";
    second.cancel.emit(asio::cancellation_type::terminal);
    jiro::test::settle(context);
    ASSERT_TRUE(second.result) << "cancelled, it ends what runs";
    EXPECT_EQ(second.result->outcome, Outcome::cancelled);
    EXPECT_EQ(dispatcher->running().back().id, "waits for it");

    EXPECT_THAT(call("tool-3", "nothing").result->message(), HasSubstr("no such command"));
    EXPECT_EQ(sink.received_ids.size(), 2U) << "the journal has the hub's";
    EXPECT_EQ(sink.outcome_of("tool-1"), nullptr);
    EXPECT_EQ(observer.received_count, 5);
}

class ManualGate final : public StartGate {
  public:
    std::optional<GateClosed> closed() override { return now; }
    std::optional<GateClosed> now;
};

// Nothing starts while the client is paused, whoever calls it; and nobody who holds a slot waits for that to end.
TEST_F(DispatcherTest, a_call_is_refused_while_the_gate_is_closed) {
    ManualGate pause;
    start();
    dispatcher->set_gate(pause);
    receive(message("runs", "single"));
    Call waits;
    const auto on_end = [&waits](const std::exception_ptr&, CommandResult result) { waits.result = std::move(result); };
    asio::co_spawn(context, dispatcher->call(message("tool-0", "single")),
                   asio::bind_cancellation_slot(waits.cancel.slot(), on_end));
    jiro::test::settle(context);
    EXPECT_FALSE(waits.result) << "for its command's own limit";

    pause.now = GateClosed{"paused: kernel update", false};
    dispatcher->gate_changed();
    jiro::test::settle(context);
    ASSERT_TRUE(waits.result);
    EXPECT_EQ(*waits.result, CommandResult::rejected(Error(errc::gate_closed, "paused: kernel update")));
    EXPECT_EQ(dispatcher->running().size(), 1U);
    EXPECT_EQ(observer.queued, 0);

    const auto result = jiro::test::run_task(context, dispatcher->call(message("tool-1", "answer")));
    EXPECT_EQ(result.outcome, Outcome::rejected);
    EXPECT_THAT(result.message(), HasSubstr("kernel update"));
    const auto look = jiro::test::run_task(context, dispatcher->call(message("tool-2", "look")));
    EXPECT_TRUE(look.is_success()) << "it only looks";
    dispatcher->request_stop();
    const auto late = jiro::test::run_task(context, dispatcher->call(message("tool-3", "look")));
    EXPECT_EQ(late.outcome, Outcome::cancelled);
}

// A command that the journal refuses gets its result also when whoever brought it has been cancelled meanwhile.
TEST_F(DispatcherTest, answers_a_refused_command_whose_receipt_was_cancelled) {
    std::vector<asio::steady_timer*> gate;
    sink.gate = &gate;
    sink.next_error = "disk full";
    start();
    asio::cancellation_signal cancel;
    asio::co_spawn(context, dispatcher->receive(message("a", "answer")),
                   asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    jiro::test::settle(context);
    ASSERT_EQ(gate.size(), 1U);
    cancel.emit(asio::cancellation_type::terminal);
    jiro::test::settle(context);

    ASSERT_EQ(sink.unstored.size(), 1U);
    EXPECT_EQ(sink.unstored[0].message.command_sync_id, "a");
}

// A receipt that is dropped before it began takes nothing with it: the only slot is free, and the id is unknown.
TEST_F(DispatcherTest, forgets_a_command_whose_receipt_never_began) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    { const auto dropped = dispatcher->receive(message("a", "answer")); }

    EXPECT_EQ(result_of("answer on").message(), "on");
    EXPECT_EQ(receive(message("a", "answer")).kind(), ReceivedCommand::Kind::accepted);
}

// A start that cannot be noted does not happen; an outcome that cannot be stored still ends the command.
TEST_F(DispatcherTest, survives_a_failing_journal) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    sink.start_fails = true;
    sink.finish_fails = true;
    receive(message("first", "sleep"));
    receive(message("waits", "answer x"));
    pass(1s);
    ASSERT_NE(sink.outcome_of("waits"), nullptr);
    EXPECT_EQ(sink.outcome_of("waits")->result.outcome, Outcome::failed);
    EXPECT_THAT(sink.outcome_of("waits")->result.message(), HasSubstr("disk full"));
    EXPECT_EQ(observer.failed, 1);
    EXPECT_EQ(observer.active, 0);
}

// One commit for receipt and start when a slot is free and nothing is ahead; two when the command must wait.
TEST_F(DispatcherTest, notes_the_start_with_the_receipt_when_a_slot_is_free) {
    Settings settings;
    settings.max_concurrent = 2;
    start(settings);
    for (const auto* id : {"c1", "c2", "c3"}) receive(message(id, "sleep"));
    pass(1s);
    pass(1s);

    EXPECT_THAT(sink.started_with_receipt, ElementsAre("c1", "c2"));
    EXPECT_THAT(sink.started_ids, ElementsAre("c3"));
    EXPECT_EQ(sink.finished_commands.size(), 3U);
}

// The slot of a command that the journal refuses, or that is cancelled before it is committed, is free again.
TEST_F(DispatcherTest, frees_the_slot_of_a_command_that_does_not_start) {
    std::vector<asio::steady_timer*> gate;
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    sink.next_error = "I/O error";
    receive(message("refused", "answer"));
    sink.next_error.reset();
    sink.gate = &gate;
    asio::co_spawn(context, dispatcher->receive(message("cancelled", "answer")), asio::detached);
    asio::co_spawn(context, dispatcher->receive(message("last", "answer")), asio::detached);
    jiro::test::settle(context);
    ASSERT_EQ(gate.size(), 2U);
    dispatcher->cancel("cancelled", CancelReason::by_hub);
    for (auto* timer : gate) timer->cancel();
    jiro::test::settle(context);

    EXPECT_TRUE(sink.started_with_receipt.contains("cancelled"));
    ASSERT_NE(sink.outcome_of("cancelled"), nullptr);
    EXPECT_EQ(sink.outcome_of("cancelled")->result.outcome, Outcome::cancelled);
    EXPECT_THAT(observer.started_ids, ElementsAre("last"));
    ASSERT_NE(sink.outcome_of("last"), nullptr);
    EXPECT_EQ(sink.outcome_of("last")->result.outcome, Outcome::succeeded);
}

// A stop while the receipt is being committed as running: it counts as started, so it runs, and the stop waits for it.
TEST_F(DispatcherTest, runs_what_is_committed_as_running_when_a_stop_comes) { expect_a_stop_waits_for("answer"); }
TEST_F(DispatcherTest, runs_a_control_command_that_is_committed_as_running_when_a_stop_comes) {
    expect_a_stop_waits_for("look");
}

// A command's own limit and the general one.
TEST_F(DispatcherTest, ends_commands_at_their_time_limit) {
    Settings settings;
    settings.timeout = 2s;
    start(settings);
    receive(message("own", "quick"));
    receive(message("general", "hang"));
    jiro::test::settle(context);
    pass(100ms);
    ASSERT_NE(sink.outcome_of("own"), nullptr);
    EXPECT_EQ(sink.outcome_of("own")->result, CommandResult::timed_out("timed out after 100 ms"));
    EXPECT_EQ(sink.outcome_of("general"), nullptr);
    pass(2s);
    EXPECT_EQ(sink.outcome_of("general")->result.outcome, Outcome::timed_out);
}

// Waiting has a limit of its own, which a command's run does not know of: whoever asked has given up by then.
TEST_F(DispatcherTest, refuses_what_waits_for_too_long) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_wait = 10s;
    settings.timeout = 60s;
    start(settings);
    receive(message("runs", "hang"));
    receive(message("a", "answer"));
    pass(4s);
    receive(message("b", "answer"));
    pass(5999ms);
    EXPECT_EQ(sink.outcome_of("a"), nullptr);
    pass(1ms);
    ASSERT_NE(sink.outcome_of("a"), nullptr);
    EXPECT_EQ(
        sink.outcome_of("a")->result,
        CommandResult::timed_out("timed out: it waited 10000 ms for its turn, and may for 10000 (Commands.MaxWaitMs)"));
    EXPECT_EQ(sink.limits["a"], 10s);
    EXPECT_EQ(sink.outcome_of("b"), nullptr);
    EXPECT_EQ(sink.outcome_of("runs"), nullptr) << "it runs, and may for a minute";
    dispatcher->cancel("runs", CancelReason::by_hub);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("b")->result.outcome, Outcome::succeeded);
}

// A command that waits for its own limit waits, too; and a command that may run for long may not wait for longer.
TEST_F(DispatcherTest, refuses_what_waits_for_its_own_kind) {
    Settings settings;
    settings.max_wait = 500ms;
    start(settings);
    receive(message("s1", "single"));
    receive(message("s2", "single"));
    pass(500ms);
    EXPECT_EQ(sink.outcome_of("s2")->result.outcome, Outcome::timed_out);
    pass(500ms);
    EXPECT_EQ(sink.outcome_of("s1")->result.outcome, Outcome::succeeded);
    EXPECT_EQ(observer.queued, 0);
}

// What is being committed as running starts whatever the gate says by then: who waits until nothing runs waits for it.
TEST_F(DispatcherTest, counts_what_is_being_committed_among_what_runs) {
    start();
    receive(message("runs", "sleep"));
    std::vector<asio::steady_timer*> held;
    sink.gate = &held;
    asio::co_spawn(context, dispatcher->receive(message("starts", "sleep")), asio::detached);
    asio::co_spawn(context, dispatcher->receive(message("looks", "look")), asio::detached);
    jiro::test::settle(context);
    clock.advance(1s);

    ASSERT_EQ(dispatcher->running().size(), 2U);
    EXPECT_EQ(dispatcher->running()[1].id, "starts");
    EXPECT_EQ(dispatcher->running()[1].age, 0s);
    EXPECT_EQ(dispatcher->output("starts", 0, 10)->total, 0U);

    for (auto* timer : held) timer->cancel();
    jiro::test::settle(context);
    EXPECT_EQ(dispatcher->running().back().id, "starts");
    pass(1s);
    EXPECT_TRUE(dispatcher->running().empty());
}

// While it is closed nothing starts but what only looks; what arrives waits, for as long as it may.
TEST_F(DispatcherTest, starts_nothing_while_the_gate_is_closed) {
    ManualGate gate;
    Settings settings;
    settings.max_wait = 10s;
    start(settings);
    dispatcher->set_gate(gate);
    receive(message("before", "sleep"));
    gate.now = GateClosed{"paused: why", false};
    receive(message("waits", "answer x"));
    recover(message("recovered", "answer y"));
    EXPECT_EQ(result_of("look here"), CommandResult::text("here"));
    pass(1s);
    EXPECT_EQ(sink.outcome_of("before")->result.outcome, Outcome::succeeded) << "what runs goes on";
    EXPECT_EQ(observer.queued, 2);
    gate.now.reset();
    dispatcher->gate_changed();
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("waits")->result, CommandResult::text("x"));
    EXPECT_EQ(sink.outcome_of("recovered")->result, CommandResult::text("y"));

    gate.now = GateClosed{"paused: why", false};
    receive(message("late", "answer"));
    pass(10s);
    EXPECT_THAT(sink.outcome_of("late")->result.message(), HasSubstr("(Commands.MaxWaitMs); paused: why"));
    gate.now->refuses = true;
    EXPECT_EQ(result_of("answer"), CommandResult::rejected(Error(errc::gate_closed, "paused: why")));
}

// A command whose handler asks for the machine's restart has no outcome, takes no slot, and waits as any that waits.
TEST_F(DispatcherTest, waits_for_the_machines_restart) {
    sink.is_durable = true;
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_wait = 10s;
    start(settings);
    receive(message("r", "reboot"));
    jiro::test::settle(context);
    EXPECT_THAT(sink.suspended_ids, ElementsAre("r"));
    EXPECT_EQ(sink.outcome_of("r"), nullptr);
    EXPECT_EQ(observer.queued, 1);
    EXPECT_TRUE(dispatcher->running().empty());
    EXPECT_EQ(dispatcher->output("r", 0, 100).error().message, "it waits for the machine's restart");
    EXPECT_EQ(receive(message("r", "reboot")).kind(), ReceivedCommand::Kind::duplicate);
    EXPECT_EQ(result_of("answer x"), CommandResult::text("x"));
    pass(9min);
    EXPECT_EQ(sink.outcome_of("r"), nullptr) << "MaxWaitMs is not for it";
    pass(1min);
    ASSERT_NE(sink.outcome_of("r"), nullptr);
    EXPECT_EQ(sink.outcome_of("r")->result.outcome, Outcome::failed);
    EXPECT_THAT(sink.outcome_of("r")->result.message(), HasSubstr("did not come in time (ResumeWithinMs)"));

    receive(message("c", "reboot"));
    jiro::test::settle(context);
    EXPECT_EQ(dispatcher->cancel("c", CancelReason::by_hub), CancelAnswer::is_ending);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("c")->result.outcome, Outcome::cancelled);

    const auto stays = receive(message("stays", "reboot"));
    jiro::test::settle(context);
    dispatcher->request_stop();
    jiro::test::settle(context);
    EXPECT_TRUE(jiro::test::run_task(context, stays.finished()).deferred);
    EXPECT_EQ(sink.outcome_of("stays"), nullptr);
    EXPECT_EQ(observer.deferred_count, 1);
}

// Where it cannot wait it ends there and then, and says why.
TEST_F(DispatcherTest, fails_what_cannot_wait_for_the_machines_restart) {
    start();
    EXPECT_THAT(result_of("reboot").message(), HasSubstr("the outbox is in memory only"));
    sink.is_durable = true;
    sink.suspend_fails = true;
    EXPECT_THAT(result_of("reboot").message(), HasSubstr("the journal cannot note it: disk full"));
    sink.suspend_fails = false;
    clock.reboot("");
    EXPECT_THAT(result_of("reboot").message(), HasSubstr("does not tell one boot from another"));
    clock.reboot("another");
    for (int i = 0; i < 64; ++i) receive(message("r" + std::to_string(i), "reboot"));
    jiro::test::settle(context);
    EXPECT_THAT(result_of("reboot").message(), HasSubstr("64 commands wait for the machine's restart already"));
    EXPECT_EQ(observer.queued, 64);
}

// After a restart of the daemon it waits for the rest of its time; after the machine's it runs again, if that was in
// time.
TEST_F(DispatcherTest, goes_on_after_the_machines_restart) {
    sink.is_durable = true;
    Settings settings;
    settings.max_wait = 10s;
    start(settings);
    recover(suspended("goes on", "reboot-once", 10min));
    recover(suspended("late", "reboot-once", 10min + 1s));
    recover(suspended("gone", "unknown", 1s));
    auto waits = suspended("waits", "reboot-once", 9min);
    waits.awaits_reboot = true;
    recover(std::move(waits));
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("goes on")->result, CommandResult::text("resumed 1 times"));
    EXPECT_THAT(sink.outcome_of("late")->result.message(), HasSubstr("later than it may go on (ResumeWithinMs)"));
    EXPECT_EQ(sink.outcome_of("gone")->result.outcome, Outcome::failed);
    pass(59s);
    EXPECT_EQ(sink.outcome_of("waits"), nullptr);
    pass(1s);
    EXPECT_THAT(sink.outcome_of("waits")->result.message(), HasSubstr("did not come in time"));
    EXPECT_EQ(observer.processed, 4);
}

// At the stop a program that others hold is left to the next process: no outcome, and nobody waits for it.
TEST_F(DispatcherTest, leaves_a_program_that_goes_on) {
    sink.is_durable = true;
    start();
    const auto goes_on = receive(message("goes on", "program"));
    receive(message("cancelled", "program"));
    receive(message("ends", "careful"));
    jiro::test::settle(context);
    dispatcher->cancel("cancelled", CancelReason::by_hub);
    dispatcher->request_stop();
    jiro::test::settle(context);
    EXPECT_TRUE(jiro::test::run_task(context, goes_on.finished()).deferred);
    EXPECT_EQ(sink.outcome_of("goes on"), nullptr);
    EXPECT_EQ(sink.outcome_of("cancelled")->result.outcome, Outcome::cancelled);
    EXPECT_EQ(observer.deferred_count, 1);
    EXPECT_EQ(observer.active, 1);  // "ends", which is waited for
}

// Also one whose start is just being committed; and a cancellation that comes with the stop is not forgotten for it.
TEST_F(DispatcherTest, leaves_a_program_in_every_moment_of_the_stop) {
    sink.is_durable = true;
    start();
    receive(message("cancelled", "program"));
    std::vector<asio::steady_timer*> held;
    sink.gate = &held;
    asio::co_spawn(context, dispatcher->receive(message("starts", "program")), asio::detached);
    jiro::test::settle(context);
    dispatcher->request_stop();
    dispatcher->cancel("cancelled", CancelReason::by_operator);
    for (auto* timer : held) timer->cancel();
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("starts"), nullptr);
    ASSERT_NE(sink.outcome_of("cancelled"), nullptr);
    EXPECT_EQ(sink.outcome_of("cancelled")->result.outcome, Outcome::cancelled);
    EXPECT_EQ(observer.deferred_count, 1);
    EXPECT_EQ(observer.active, 0);
}

// Without a journal that outlives the process nobody would take it back: it is waited for.
TEST_F(DispatcherTest, leaves_no_program_without_a_journal) {
    start();
    receive(message("ends", "program"));
    dispatcher->request_stop();
    pass(1h);
    EXPECT_EQ(sink.outcome_of("ends")->result, CommandResult::text("an hour"));
}

// It goes on from its own start, over all limits and whatever waits; whoever holds it is told when its outcome is
// stored.
TEST_F(DispatcherTest, takes_back_a_program_that_went_on) {
    sink.is_durable = true;
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_wait = 2h;
    start(settings);
    receive(message("runs", "program-once"));
    receive(message("waits", "answer"));
    clock.advance(10min);
    int settled = 0;
    const auto taken_back = [&](std::string id, std::string text, Duration ago) {
        LeftCommand left{.message = message(std::move(id), std::move(text)), .received_at = clock.now() - ago - 1s};
        left.runs_since = clock.now() - ago;
        left.settled = [&settled] { ++settled; };
        return left;
    };
    recover(taken_back("back", "program-once", 30min));
    recover(taken_back("gone", "unknown", 30min));
    recover(taken_back("another", "answer", 30min));
    jiro::test::settle(context);
    EXPECT_EQ(observer.active, 2);
    EXPECT_TRUE(sink.started_ids.empty());
    EXPECT_EQ(sink.outcome_of("gone")->result.outcome, Outcome::interrupted);
    EXPECT_EQ(sink.outcome_of("another")->result.outcome, Outcome::interrupted);
    EXPECT_EQ(sink.outcome_of("another")->queue_time, 1s);
    EXPECT_EQ(sink.outcome_of("another")->run_time, 30min);
    EXPECT_EQ(settled, 2);
    pass(30min);
    EXPECT_EQ(sink.outcome_of("back")->result, CommandResult::text("an hour"));
    EXPECT_EQ(sink.outcome_of("back")->run_time, 1h);
    EXPECT_EQ(sink.outcome_of("back")->queue_time, 1s);
    EXPECT_EQ(settled, 3);
    EXPECT_EQ(sink.outcome_of("waits"), nullptr);

    sink.finish_fails = true;  // its outcome is in memory only: the next process needs the program
    recover(taken_back("unstored", "program", 1h));
    jiro::test::settle(context);
    EXPECT_NE(sink.outcome_of("unstored"), nullptr);
    EXPECT_EQ(settled, 3);
}

// With and without a restart the same: the time before it counts.
TEST_F(DispatcherTest, counts_the_waiting_before_a_restart) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_wait = 10s;
    settings.timeout = 1s;
    start(settings);
    receive(message("runs", "sleep"));
    recover(message("late", "answer"), 10s);
    recover(message("old", "answer"), 9s);
    recover(message("young", "answer"), 8s);
    jiro::test::settle(context);
    ASSERT_NE(sink.outcome_of("late"), nullptr);
    EXPECT_EQ(sink.outcome_of("late")->result.outcome, Outcome::timed_out);
    pass(1s);
    EXPECT_EQ(sink.outcome_of("young")->result.outcome, Outcome::succeeded);
    EXPECT_EQ(sink.outcome_of("young")->queue_time, 9s);
}

// A limit that a reload makes shorter is in force for what waits.
TEST_F(DispatcherTest, a_reload_changes_the_limit_of_waiting) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("runs", "hang"));
    receive(message("waits", "answer"));
    pass(5s);
    settings.max_wait = 6s;
    dispatcher->reload(settings, make_commands());
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("waits"), nullptr);
    pass(1s);
    EXPECT_EQ(sink.outcome_of("waits")->result.outcome, Outcome::timed_out);
}

// The hub cancels: a running command and a waiting one end as cancelled, each exactly once.
TEST_F(DispatcherTest, cancels_what_the_hub_cancels) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("runs", "careful"));
    receive(message("waits", "answer"));
    EXPECT_EQ(dispatcher->cancel("unknown", CancelReason::by_hub), CancelAnswer::unknown);
    EXPECT_EQ(dispatcher->cancel("waits", CancelReason::by_hub), CancelAnswer::is_ending);
    EXPECT_EQ(dispatcher->cancel("runs", CancelReason::by_hub), CancelAnswer::is_ending);
    dispatcher->cancel("runs", CancelReason::by_hub);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("waits")->result, CommandResult::cancelled("cancelled: by the hub"));
    EXPECT_EQ(sink.outcome_of("runs")->result, CommandResult::cancelled("cancelled: by the hub; half done"));
    EXPECT_EQ(dispatcher->cancel("runs", CancelReason::by_hub), CancelAnswer::has_ended);
}

// A lost connection detaches what runs; it finishes and is counted once.
TEST_F(DispatcherTest, detaches_running_commands_when_the_connection_is_lost) {
    start();
    receive(message("c1", "sleep"));
    jiro::test::settle(context);
    dispatcher->connection_lost();
    dispatcher->connection_lost();
    EXPECT_EQ(observer.detached_count, 1);
    EXPECT_EQ(observer.active, 0);
    pass(1s);
    EXPECT_EQ(sink.outcome_of("c1")->result, CommandResult::text("slept"));
    EXPECT_EQ(observer.detached_count, 0);
}

// OnConnectionLost: cancel.
TEST_F(DispatcherTest, cancels_when_the_connection_is_lost_if_told_so) {
    Settings settings;
    settings.on_connection_lost = OnConnectionLost::cancel;
    start(settings);
    receive(message("c1", "sleep"));
    jiro::test::settle(context);
    dispatcher->connection_lost();
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("c1")->result, CommandResult::cancelled("cancelled: connection lost"));
}

// A reload that opens a new connection touches nothing that runs, whatever is to be done at a loss.
TEST_F(DispatcherTest, cancels_nothing_when_the_connection_is_left) {
    Settings settings;
    settings.on_connection_lost = OnConnectionLost::cancel;
    start(settings);
    receive(message("c1", "sleep"));
    jiro::test::settle(context);
    dispatcher->connection_left();
    EXPECT_EQ(observer.detached_count, 1);
    pass(1s);
    EXPECT_EQ(sink.outcome_of("c1")->result, CommandResult::text("slept"));
}

// Stop, phase 1: what runs may finish, what waits stays in a durable journal. Phase 2: the rest is cancelled and
// settled.
TEST_F(DispatcherTest, stops_in_two_phases_with_a_durable_journal) {
    sink.is_durable = true;
    Settings settings;
    settings.max_concurrent = 2;
    start(settings);
    receive(message("short", "sleep"));
    receive(message("long", "hang"));
    const auto waiting = receive(message("waits", "answer"));

    dispatcher->request_stop();
    jiro::test::settle(context);
    EXPECT_TRUE(jiro::test::run_task(context, waiting.finished()).deferred);
    EXPECT_EQ(observer.deferred_count, 1);

    std::optional<bool> drained;
    asio::co_spawn(context, dispatcher->drain(clock.now() + 5s), [&](std::exception_ptr, bool all) { drained = all; });
    jiro::test::settle(context);
    pass(1s);
    EXPECT_NE(sink.outcome_of("short"), nullptr);
    EXPECT_FALSE(drained);
    pass(4s);
    EXPECT_EQ(drained, false);
    dispatcher->cancel_all(CancelReason::shutting_down);
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("long")->result, CommandResult::cancelled("cancelled: shutting down"));
    EXPECT_TRUE(jiro::test::run_task(context, dispatcher->drain(clock.now() + 1s)));
    EXPECT_EQ(sink.outcome_of("waits"), nullptr);
}

// What is cancelled is waited for, for the grace; then it is told that this is over, whatever it would have taken.
TEST_F(DispatcherTest, ends_all_within_the_grace_and_a_little) {
    start();
    receive(message("stubborn", "stubborn"));
    receive(message("careful", "careful"));
    bool has_ended = false;
    asio::co_spawn(context, dispatcher->end_all(CancelReason::shutting_down, 10s),
                   [&](const std::exception_ptr&) { has_ended = true; });
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("careful")->result.outcome, Outcome::cancelled);
    pass(10s - 1ms);
    EXPECT_EQ(sink.outcome_of("stubborn"), nullptr);
    EXPECT_FALSE(has_ended);
    pass(1ms);
    EXPECT_TRUE(has_ended);
    ASSERT_NE(sink.outcome_of("stubborn"), nullptr);
    EXPECT_EQ(sink.outcome_of("stubborn")->result, CommandResult::cancelled("cancelled: shutting down; killed"));
}

// Without a durable journal nothing would remember the waiting ones: they get their outcome now.
TEST_F(DispatcherTest, cancels_waiting_commands_at_stop_without_a_durable_journal) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("runs", "sleep"));
    receive(message("waits", "answer"));
    dispatcher->request_stop();
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("waits")->result, CommandResult::cancelled("cancelled: shutting down"));
    receive(message("late", "answer"));
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("late")->result.outcome, Outcome::cancelled);
    pass(1s);
    EXPECT_EQ(sink.outcome_of("runs")->result.outcome, Outcome::succeeded);
}

// After a restart a journalled command runs without a second receipt.
TEST_F(DispatcherTest, recovers_journalled_commands) {
    start();
    recover(message("fresh", "answer x"), 1s);
    recover(message("old", "answer x"), 299s);
    jiro::test::settle(context);
    EXPECT_TRUE(sink.received_ids.empty());
    EXPECT_EQ(sink.outcome_of("fresh")->result, CommandResult::text("x"));
    EXPECT_EQ(sink.outcome_of("old")->result, CommandResult::text("x"));
    EXPECT_EQ(observer.received_count, 2);
}

// More waits in the journal than may wait in memory: the room for it comes back as commands start. Meanwhile new ones,
// which are younger, are answered "busy".
TEST_F(DispatcherTest, has_room_for_as_many_recovered_commands_as_may_wait) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    EXPECT_TRUE(dispatcher->has_room());
    receive(message("runs", "sleep"));
    const std::string much(20 << 20, 'x');
    for (const char* id : {"first", "second"}) {
        EXPECT_TRUE(dispatcher->has_room()) << id;
        recover(message(id, "answer " + much));
    }
    EXPECT_FALSE(dispatcher->has_room());
    dispatcher->set_older_in_journal(true);
    receive(message("new", "answer x"));
    jiro::test::settle(context);
    EXPECT_THAT(sink.outcome_of("new")->result.message(), HasSubstr("busy"));

    bool has_room = false;
    asio::co_spawn(context, dispatcher->until_room(), [&](const std::exception_ptr&) { has_room = true; });
    jiro::test::settle(context);
    EXPECT_FALSE(has_room);
    pass(1s);
    EXPECT_TRUE(has_room);
    dispatcher->set_older_in_journal(false);
    receive(message("newer", "answer x"));
    jiro::test::settle(context);
    EXPECT_EQ(sink.outcome_of("newer")->result.outcome, Outcome::succeeded);
}

// One command always has room, whatever the limits are: what waits in the journal gets its turn.
TEST_F(DispatcherTest, has_room_for_one_recovered_command_at_least) {
    Settings settings;
    settings.max_concurrent = 1;
    settings.max_queued = 0;
    start(settings);
    receive(message("runs", "sleep"));
    EXPECT_TRUE(dispatcher->has_room());
    recover(message("first", "answer x"));
    EXPECT_FALSE(dispatcher->has_room());
}

// The hub sends a command again that waits in the journal, just when it is taken up from there: it runs, once.
TEST_F(DispatcherTest, takes_up_a_command_that_the_hub_sends_again_just_then) {
    start();
    std::vector<asio::steady_timer*> gate;
    sink.gate = &gate;
    sink.next_answer.admission = Admission::already_in_progress;
    asio::co_spawn(context, dispatcher->receive(message("a", "answer x")), asio::detached);
    jiro::test::settle(context);
    ASSERT_EQ(gate.size(), 1U);
    asio::co_spawn(context, dispatcher->recover({.message = message("a", "answer x"), .received_at = clock.now()}),
                   asio::detached);
    jiro::test::settle(context);
    EXPECT_TRUE(sink.finished_commands.empty());
    gate[0]->cancel();
    jiro::test::settle(context);
    ASSERT_NE(sink.outcome_of("a"), nullptr);
    EXPECT_EQ(sink.outcome_of("a")->result, CommandResult::text("x"));
}

// A reload changes what starts from then on; what runs keeps its handler, what waits is looked up anew.
TEST_F(DispatcherTest, reloads_without_touching_running_commands) {
    Settings settings;
    settings.max_concurrent = 1;
    start(settings);
    receive(message("runs", "sleep"));
    receive(message("waits", "answer"));
    jiro::test::settle(context);
    dispatcher->reload(settings, CommandRegistry::make({}).value());
    pass(1s);
    EXPECT_EQ(sink.outcome_of("runs")->result, CommandResult::text("slept"));
    EXPECT_EQ(sink.outcome_of("waits")->result.outcome, Outcome::rejected);
}

// Work on the pool comes back to the loop with its value or its exception.
TEST_F(DispatcherTest, runs_work_on_the_worker_pool) {
    start();
    receive(message("ok", "worker"));
    receive(message("bad", "worker-fails"));
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (sink.finished_commands.size() < 2 && std::chrono::steady_clock::now() < deadline) {
        context.restart();
        context.run_for(10ms);
    }
    ASSERT_NE(sink.outcome_of("ok"), nullptr);
    ASSERT_NE(sink.outcome_of("bad"), nullptr);
    EXPECT_EQ(sink.outcome_of("ok")->result.message(), "another thread");
    EXPECT_EQ(sink.outcome_of("bad")->result, CommandResult::failed("the worker broke"));
}

// 10,000 at once: each gets exactly one outcome, in linear time.
TEST_F(DispatcherTest, takes_a_burst) {
    Settings settings;
    settings.max_queued = 5000;
    start(settings);
    for (int i = 0; i < 10'000; ++i) {
        asio::co_spawn(context, dispatcher->receive(message("c" + std::to_string(i), i < 16 ? "sleep" : "answer x")),
                       asio::detached);
    }
    jiro::test::settle(context);
    pass(1s);
    EXPECT_EQ(sink.finished_commands.size(), 10'000U);
    EXPECT_EQ(observer.processed, 10'000);
    EXPECT_EQ(observer.successful, 5016);
    EXPECT_EQ(observer.most_active, 16);
}

// `jiro-client exec`: the same path, without hub and journal.
TEST_F(DispatcherTest, runs_one_command_locally) {
    auto command = message("", "answer local");
    command.session_id.clear();
    const auto finished =
        jiro::test::run_task(context, run_locally(std::move(command), {}, make_commands(), clock, random, workers));
    EXPECT_EQ(finished.result, CommandResult::text("local"));
    EXPECT_EQ(finished.message.session_id.size(), 36U);
    const auto unknown =
        jiro::test::run_task(context, run_locally(message("", "nothing"), {}, make_commands(), clock, random, workers));
    EXPECT_EQ(unknown.result.outcome, Outcome::rejected);
}

}  // namespace jiro::commands
