// SPDX-License-Identifier: MIT
#include "daemon/result_mapping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jiro_hub.pb.h"

namespace jiro::daemon {
namespace {

FinishedCommand finished(CommandResult result) {
    FinishedCommand command;
    command.message.command_sync_id = "cmd-1";
    command.message.session_id = "session-1";
    command.message.parameters = {{"a", "1"}, {"b", "2"}};
    command.command_name = "chart";
    command.result = std::move(result);
    return command;
}

// A graph keeps every member on its way to the outcome.
TEST(ResultMapping, keeps_a_graph_whole) {
    const auto outcome = to_outcome(finished(CommandResult::graph({.message = "Load",
                                                                   .graph_data = R"({"t":[1]})",
                                                                   .note = "n",
                                                                   .x_axis = "t",
                                                                   .y_axis = "cpu",
                                                                   .units = {{"cpu", "%"}}})));

    ASSERT_TRUE(std::holds_alternative<delivery::Graph>(outcome.result));
    const auto& graph = std::get<delivery::Graph>(outcome.result);
    EXPECT_EQ(graph.message, "Load");
    EXPECT_EQ(graph.data, R"({"t":[1]})");
    EXPECT_EQ(graph.note, "n");
    EXPECT_EQ(graph.x_axis, "t");
    EXPECT_EQ(graph.y_axis, "cpu");
    EXPECT_EQ(graph.units.at("cpu"), "%");
    EXPECT_EQ(outcome.command_name, "chart");
    EXPECT_EQ(outcome.command_sync_id, "cmd-1");
    EXPECT_EQ(outcome.session_id, "session-1");
    EXPECT_EQ(outcome.parameters.size(), 2U);
}

// Each outcome keeps its name between the two modules.
TEST(ResultMapping, maps_every_outcome_to_its_namesake) {
    for (const auto outcome : {Outcome::succeeded, Outcome::failed, Outcome::timed_out, Outcome::cancelled,
                               Outcome::rejected, Outcome::interrupted}) {
        auto result = CommandResult::text("x");
        result.outcome = outcome;
        EXPECT_EQ(delivery::to_string(to_outcome(finished(std::move(result))).kind), commands::to_string(outcome));
    }
}

// What the journal keeps is the message again.
TEST(ResultMapping, payload_brings_the_message_back) {
    const CommandMessage message{.instance_id = "user-123",
                                 .command = "echo \"two words\" \n",
                                 .command_sync_id = "cmd-456-789",
                                 .session_id = "session-abc",
                                 .parameters = {{"key1", "value1"}, {"key2", ""}}};

    const auto back = from_payload(to_payload(message));

    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, message);
}

TEST(ResultMapping, damaged_payload_is_a_named_error) {
    const auto back = from_payload("{\"commandSyncId\":");

    ASSERT_FALSE(back.has_value());
    EXPECT_THAT(back.error().message, ::testing::StartsWith("the journal's copy of the command"));
}

// The outcome of a command that the daemon's death interrupted says so, under the command's own id, name and session.
TEST(ResultMapping, interrupted_outcome_can_be_read_by_the_server) {
    const CommandMessage message{
        .instance_id = "", .command = "$backup now", .command_sync_id = "cmd-7", .session_id = "s-7", .parameters = {}};
    const Receipt receipt{.id = "cmd-7", .payload = to_payload(message)};

    JiroHubProto::ClientMessage sent;
    ASSERT_TRUE(sent.ParseFromString(*make_lost_outcome(receipt, delivery::OutcomeKind::interrupted)));

    EXPECT_FALSE(sent.issuccess());
    EXPECT_EQ(sent.commandsyncid(), "cmd-7");
    EXPECT_EQ(sent.commandname(), "backup");
    EXPECT_EQ(sent.sessionid(), "s-7");
    EXPECT_THAT(sent.textresult().response(), ::testing::StartsWith("interrupted: "));
}

// Even a row whose payload cannot be read any more is answered.
TEST(ResultMapping, lost_outcome_needs_only_the_id) {
    JiroHubProto::ClientMessage sent;
    ASSERT_TRUE(sent.ParseFromString(
        *make_lost_outcome({.id = "cmd-8", .payload = "garbage"}, delivery::OutcomeKind::timed_out)));

    EXPECT_EQ(sent.commandsyncid(), "cmd-8");
    EXPECT_THAT(sent.textresult().response(), ::testing::StartsWith("timed out: "));
}

}  // namespace
}  // namespace jiro::daemon
