// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/load_sampler.hpp"
#include "jiro/commands/render.hpp"
#include "jiro/commands/running_commands.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::commands {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

class BuiltinCommands : public ::testing::Test {
  protected:
    BuiltinCommands() {
        write_proc(100, 900, 1000);
        services.version = "1.2.3";
        services.status = [] { return std::string(R"({"state":"Connected"})"); };
    }

    void write_proc(int busy, int idle, int available) {
        proc.write("stat", "cpu  " + std::to_string(busy) + " 0 0 " + std::to_string(idle) + " 0 0 0 0 0 0\n");
        proc.write("meminfo", "MemTotal: 4000 kB\nMemFree: 1 kB\nMemAvailable: " + std::to_string(available) + " kB\n");
        proc.write("loadavg", "0.50 0.40 0.30 1/100 12345\n");
    }

    CommandResult run(std::string text, const Settings& settings = {}, Parameters parameters = {}) {
        CommandMessage message;
        message.command = std::move(text);
        message.parameters = std::move(parameters);
        auto registry = make_registry(settings, services);
        EXPECT_TRUE(registry.has_value());
        return jiro::test::run_task(context, run_locally(std::move(message), {}, *registry, clock, random, workers))
            .result;
    }

    // What the bundle asks the daemon for: meanwhile a bundle is asked for once more, of commands made anew.
    Task<std::string> ask_again(std::vector<std::string>& answers) {
        CommandMessage message;
        message.command = "bundle";
        const auto registry = make_registry({}, services).value();
        auto running = run_locally(std::move(message), Settings(), registry, clock, random, workers);
        const auto finished = co_await std::move(running);
        answers.push_back(finished.result.message());
        throw std::runtime_error("the archive is not made");
        co_return "";
    }

    jiro::test::TempDir proc;
    boost::asio::io_context context;
    boost::asio::thread_pool workers{1};
    jiro::test::ManualClock clock;
    jiro::test::FixedRandom random{1};
    BuiltinServices services;
};

}  // namespace

// Stands for the dispatcher.
class FakeRuns final : public RunningCommands {
  public:
    std::vector<RunInProgress> running() const override { return runs; }
    std::size_t waiting() const override { return 2; }
    std::vector<EndedCommand> ended(std::size_t) const override { return {}; }
    Result<OutputPart> output(std::string_view id, std::uint64_t from, std::size_t limit) const override {
        asked = std::string(id) + '@' + std::to_string(from);
        EXPECT_LE(limit, 65536U);
        return part;
    }
    CancelAnswer cancel(const std::string& id, CancelReason reason) override {
        EXPECT_EQ(reason, CancelReason::by_hub);
        return id == "runs" ? CancelAnswer::is_ending : id == "ended" ? CancelAnswer::has_ended : CancelAnswer::unknown;
    }

    Task<> until_cancel_is_kept(std::string id) override {
        EXPECT_EQ(id, "runs");
        co_return;
    }

    std::vector<RunInProgress> runs;
    OutputPart part;
    mutable std::string asked;
};

// What a person reads who asks what runs.
TEST_F(BuiltinCommands, running_lists_what_runs) {
    EXPECT_THAT(run("running").message(), HasSubstr("inside the running service"));
    FakeRuns runs;
    services.runs = &runs;
    EXPECT_EQ(run("running"), CommandResult::text("nothing runs\n2 wait for their turn"));
    runs.runs = {{.id = "c-1\x1b[2J", .name = "backup", .age = 75s, .user = "jiro-cmd", .output_bytes = 1234},
                 {.id = "c-2", .name = "sysinfo", .age = 1s, .user = "jiro", .is_detached = true}};
    EXPECT_EQ(run("running").message(),
              "c-1\\x1b[2J  backup, since 1 min 15 s, as jiro-cmd, 1234 bytes so far\n"
              "c-2  sysinfo, since 1 s, as jiro, 0 bytes so far, without its connection\n"
              "2 wait for their turn");
}

// The last line says where the part ends, how to go on, and whether the command has ended.
TEST_F(BuiltinCommands, output_shows_a_part_and_where_it_ends) {
    FakeRuns runs;
    services.runs = &runs;
    runs.part = {.name = "backup", .from = 0, .next = 5, .total = 9, .text = "line\n", .age = 12s};
    EXPECT_EQ(run("output c-1").message(),
              "line\n[bytes 0 to 5 of 9; backup has run for 12 s; go on with: output c-1 5]");
    EXPECT_EQ(runs.asked, "c-1@0");
    runs.part = {
        .name = "backup", .from = 7, .next = 9, .total = 9, .text = "xy", .age = 3s, .outcome = Outcome::failed};
    EXPECT_EQ(run("output 'c 1' 5").message(),
              "[bytes 5 to 7 were not kept]\nxy\n[bytes 7 to 9 of 9; backup has ended, 3 s ago: failed]");
    EXPECT_EQ(runs.asked, "c 1@5");
    runs.part.outcome.reset();
    EXPECT_THAT(run(R"(output 'c "1"' 5)").message(), HasSubstr(R"(go on with: output "c \"1\"" 9])"));
    runs.part = {.name = "copy", .error_text = "50 %", .error_total = 4, .age = 1s};
    EXPECT_EQ(run("output c-1").message(),
              "[the end of 4 bytes on standard error]\n50 %\n"
              "[bytes 0 to 0 of 0; copy has run for 1 s; go on with: output c-1 0]");
}

// What is no id and no number of bytes.
TEST_F(BuiltinCommands, output_and_cancel_say_what_they_take) {
    FakeRuns runs;
    services.runs = &runs;
    for (const auto* text : {"output", "output a b", "output a -1", "output a 1 2", "output a 1x",
                             "output a 18446744073709551616", "cancel", "cancel a b"}) {
        const auto result = run(text);
        EXPECT_EQ(result.outcome, Outcome::rejected) << text;
        EXPECT_THAT(result.message(), HasSubstr("usage: ")) << text;
    }
    EXPECT_THAT(run("cancel runs").message(), HasSubstr("cancelled: runs"));
    EXPECT_THAT(run("cancel ended").message(), HasSubstr("has ended already"));
    EXPECT_EQ(run("cancel other").outcome, Outcome::failed);
}

// As a hub that knows their names, or a model, gives them: by the rule of Commands.Exec.
TEST_F(BuiltinCommands, take_parameters_by_name) {
    FakeRuns runs;
    services.runs = &runs;
    EXPECT_TRUE(run("output", {}, {{"ID", "c-1"}}).is_success());
    EXPECT_EQ(runs.asked, "c-1@0");
    EXPECT_TRUE(run("output", {}, {{"from", "5"}, {"id", "c-1"}}).is_success());
    EXPECT_EQ(runs.asked, "c-1@5");
    EXPECT_TRUE(run("output 7", {}, {{"ID", "c-2"}}).is_success()) << "a word fills what is left";
    EXPECT_EQ(runs.asked, "c-2@7");
    EXPECT_TRUE(run("output c-3", {}, {{"FROM", ""}}).is_success()) << "an empty one is none";
    EXPECT_EQ(runs.asked, "c-3@0");
    EXPECT_THAT(run("cancel", {}, {{"ID", "runs"}}).message(), HasSubstr("cancelled: runs"));
    EXPECT_THAT(run("help", {}, {{"NAME", "echo"}}).message(), HasSubstr("echo TEXT..."));
}

// A hub may send more than a command knows.
TEST_F(BuiltinCommands, ignore_parameters_that_they_do_not_know) {
    FakeRuns runs;
    services.runs = &runs;
    const Parameters unknown{{"userId", "7"}};
    EXPECT_EQ(run("ping", {}, unknown), CommandResult::text("pong"));
    EXPECT_THAT(run("help", {}, unknown).message(), HasSubstr("sysinfo"));
    EXPECT_THAT(run("help echo", {}, unknown).message(), HasSubstr("echo TEXT..."));
    EXPECT_THAT(run("cancel runs", {}, unknown).message(), HasSubstr("cancelled: runs"));
}

// What comes both ways: a form sends its fields along with each command, so the words count.
TEST_F(BuiltinCommands, go_by_the_words_where_both_are_too_many) {
    FakeRuns runs;
    services.runs = &runs;
    EXPECT_THAT(run("cancel runs", {}, {{"ID", "other"}}).message(), HasSubstr("cancelled: runs"));
    EXPECT_THAT(run("cancel runs", {}, {{"ID", ""}}).message(), HasSubstr("cancelled: runs"));
    EXPECT_TRUE(run("output c-1 5", {}, {{"ID", "c-2"}}).is_success());
    EXPECT_EQ(runs.asked, "c-1@5");
    EXPECT_THAT(run("help echo", {}, {{"NAME", "help"}}).message(), HasSubstr("echo TEXT..."));
}

TEST_F(BuiltinCommands, refuse_what_they_do_not_take) {
    FakeRuns runs;
    services.runs = &runs;
    const auto more = run("cancel a b", {}, {{"ID", "b"}});
    EXPECT_EQ(more.outcome, Outcome::rejected);
    EXPECT_EQ(more.message(), "cancel: too many arguments, starting with \"b\"; usage: cancel ID");
    EXPECT_EQ(run("cancel", {}, {{"ID", ""}}).message(), "cancel: the argument ID is missing; usage: cancel ID");
    EXPECT_EQ(run("help echo ping").outcome, Outcome::rejected);
}

// A configuration that had the name first keeps it.
TEST_F(BuiltinCommands, give_way_to_older_names) {
    Settings settings;
    settings.run_as = RunAs::daemon;
    settings.exec.resize(2);
    settings.exec[0].name = "output";
    settings.exec[1].name = "ping";
    for (auto& command : settings.exec) command.program = {"/bin/true"};
    EXPECT_EQ(check(settings).size(), 1U) << "ping is as old as Commands.Exec";
    settings.exec.pop_back();
    const auto registry = make_registry(settings, services);
    ASSERT_TRUE(registry);
    EXPECT_EQ((*registry)->find("output")->description().runs, "/bin/true");
}

// The simple ones.
TEST_F(BuiltinCommands, answer) {
    EXPECT_EQ(run("ping"), CommandResult::text("pong"));
    EXPECT_EQ(run("$echo  a 'b  c' "), CommandResult::text("a 'b  c'"));
    EXPECT_EQ(run("version"), CommandResult::text("jiro-client 1.2.3"));
    EXPECT_EQ(run("status"), CommandResult::text(R"({"state":"Connected"})", TextType::json));
}

// One of each at a time, also across a reload, which makes the commands anew.
TEST_F(BuiltinCommands, bundle_runs_once_at_a_time) {
    std::vector<std::string> answers;
    OwnProgram own;
    own.facts = [&] { return ask_again(answers); };
    services.own = &own;

    for (int time = 0; time < 2; ++time) EXPECT_EQ(run("bundle").message(), "the archive is not made");
    EXPECT_THAT(answers,
                ::testing::ElementsAre("busy: bundle is under way already", "busy: bundle is under way already"));
}

// `help` names every command; `help NAME` explains one and helps with a slip.
TEST_F(BuiltinCommands, help_lists_and_explains) {
    const auto all = run("help").message();
    for (const auto* name : {"bundle", "doctor", "echo", "help", "load", "ping", "status", "sysinfo", "version"}) {
        EXPECT_THAT(all, HasSubstr(name));
    }
    EXPECT_THAT(run("help echo").message(), HasSubstr("echo TEXT..."));
    const auto slip = run("help ehco");
    EXPECT_FALSE(slip.is_success());
    EXPECT_THAT(slip.message(), HasSubstr("did you mean \"echo\"?"));
}

// With the prefix, which lets it be written in capitals, too.
TEST_F(BuiltinCommands, help_explains_a_command_as_it_is_written) {
    EXPECT_THAT(run("help $echo").message(), HasSubstr("echo TEXT..."));
    EXPECT_FALSE(run("help ECHO").is_success());
    Settings settings;
    settings.prefix = "jiro:";
    for (const auto* text : {"help echo", "help ECHO", "help jiro:Echo", "help $echo"})
        EXPECT_THAT(run(text, settings).message(), HasSubstr("echo TEXT...")) << text;
    EXPECT_FALSE(run("help jiro:", settings).is_success());
}

// What a command without a description runs is not the hub's business; at the terminal it is shown.
TEST_F(BuiltinCommands, help_names_no_program) {
    Settings settings;
    settings.run_as = RunAs::daemon;
    settings.exec.resize(2);
    settings.exec[0].name = "fetch";
    settings.exec[0].program = {"curl -H 'Authorization: hidden-1' https://host/"};
    settings.exec[0].shell = true;
    settings.exec[1].name = "plain";
    settings.exec[1].program = {"/usr/bin/curl", "-u", "hidden-2"};
    settings.exec[1].source = "/etc/jiro/commands.d/plain.yaml:3";
    for (const auto* text : {"help", "help fetch", "help plain"}) {
        const auto answer = run(text, settings).message();
        EXPECT_THAT(answer, HasSubstr("Runs a program of this machine"));
        EXPECT_THAT(answer, Not(HasSubstr("hidden")));
    }
    const auto listing = render_listing(*make_registry(settings, services).value());
    EXPECT_THAT(listing,
                HasSubstr("    runs: /usr/bin/curl -u hidden-2\n    defined in: /etc/jiro/commands.d/plain.yaml:3\n"));
    EXPECT_THAT(listing, HasSubstr("    runs: /bin/sh -c 'curl"));
}

// `sysinfo` is JSON with what an operator asks first.
TEST_F(BuiltinCommands, sysinfo_describes_the_machine) {
    CommandMessage message;
    message.command = "sysinfo";
    auto registry = make_registry({}, services).value();
    const auto result =
        jiro::test::run_task(context, run_locally(std::move(message), {}, registry, clock, random, workers)).result;
    ASSERT_TRUE(result.is_success());
    EXPECT_EQ(std::get<TextResult>(result.content).type, TextType::json);
    const auto info = nlohmann::json::parse(result.message());
    for (const auto* member : {"host", "os", "kernel", "cpus", "memory", "disks", "uptimeSeconds"}) {
        EXPECT_TRUE(info.contains(member)) << member;
    }
    EXPECT_GT(info["memory"]["totalBytes"].get<std::uint64_t>(), 0U);
}

// `load` draws what was sampled; one sample is enough for an answer.
TEST_F(BuiltinCommands, load_is_a_graph_of_the_samples) {
    EXPECT_FALSE(run("load").is_success()) << "without a sampler it says so";

    LoadSampler sampler(clock, 5s, 3, proc.path());
    services.load = &sampler;
    auto graph = std::get<GraphResult>(run("load").content);
    EXPECT_EQ(nlohmann::json::parse(graph.graph_data),
              nlohmann::json::parse(R"({"time":["2026-11-22T00:00:00Z"],"cpu":[10.0],"memory":[75.0]})"));
    EXPECT_THAT(graph.note, HasSubstr("first sample"));

    write_proc(150, 950, 2000);
    clock.advance(5s);
    sampler.take_sample();
    graph = std::get<GraphResult>(run("load").content);
    EXPECT_EQ(nlohmann::json::parse(graph.graph_data)["cpu"], nlohmann::json::parse("[10.0,50.0]"));
    EXPECT_EQ(graph.x_axis, "time");
    EXPECT_EQ(graph.y_axis, "cpu,memory");
    for (int i = 0; i < 10; ++i) sampler.take_sample();
    EXPECT_EQ(sampler.samples().size(), 3U);
}

}  // namespace jiro::commands
