// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/load_sampler.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::commands {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

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

    CommandResult run(std::string text) {
        CommandMessage message;
        message.command = std::move(text);
        auto registry = make_registry({}, services);
        EXPECT_TRUE(registry.has_value());
        return jiro::test::run_task(context, run_locally(std::move(message), {}, *registry, clock, random, workers))
            .result;
    }

    jiro::test::TempDir proc;
    boost::asio::io_context context;
    boost::asio::thread_pool workers{1};
    jiro::test::ManualClock clock;
    jiro::test::FixedRandom random{1};
    BuiltinServices services;
};

}  // namespace

// The simple ones.
TEST_F(BuiltinCommands, answer) {
    EXPECT_EQ(run("ping"), CommandResult::text("pong"));
    EXPECT_EQ(run("$echo  a 'b  c' "), CommandResult::text("a 'b  c'"));
    EXPECT_EQ(run("version"), CommandResult::text("jiro-client 1.2.3"));
    EXPECT_EQ(run("status"), CommandResult::text(R"({"state":"Connected"})", TextType::json));
}

// `help` names every command; `help NAME` explains one and helps with a slip.
TEST_F(BuiltinCommands, help_lists_and_explains) {
    const auto all = run("help").message();
    for (const auto* name : {"echo", "help", "load", "ping", "status", "sysinfo", "version"}) {
        EXPECT_THAT(all, HasSubstr(name));
    }
    EXPECT_THAT(run("help echo").message(), HasSubstr("echo TEXT..."));
    const auto slip = run("help ehco");
    EXPECT_FALSE(slip.is_success());
    EXPECT_THAT(slip.message(), HasSubstr("did you mean \"echo\"?"));
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
