// SPDX-License-Identifier: MIT
#include "dev_hub/scenario.hpp"

#include <gtest/gtest.h>

namespace jiro::dev_hub {
namespace {

// A scenario with every verb is understood.
TEST(Scenario, reads_every_verb) {
    const auto steps = parse_scenario(
        "# a comment\n"
        "wait-client 5000\r\n"
        "\n"
        "send --invoke --id c-1 --param k=v echo \"Hello Jiro\"\n"
        "expect contains Hello\n"
        "expect accepted c-1 1\n"
        "misbehave grpc-fail UNAVAILABLE next=2\n"
        "send --no-wait echo x\n"
        "wait-result c-2 100\n"
        "sleep 10\n"
        "print\n"
        "quit");

    ASSERT_TRUE(steps) << steps.error().message;
    ASSERT_EQ(steps->size(), 10U);
    EXPECT_EQ((*steps)[0].duration, std::chrono::seconds(5));
    EXPECT_EQ((*steps)[1].send.command.text, "echo Hello Jiro");
    EXPECT_EQ((*steps)[1].send.command.sync_id, "c-1");
    EXPECT_EQ((*steps)[1].send.wait, WaitFor::both);
    EXPECT_EQ((*steps)[1].line, 4);
    EXPECT_EQ((*steps)[3].number, 1);
    EXPECT_EQ((*steps)[5].send.wait, WaitFor::nothing);
}

// All bad lines are reported together, by number.
TEST(Scenario, reports_every_bad_line) {
    const auto steps =
        parse_scenario("dance\nsend\nexpect\nsleep x\nmisbehave\nsend 'a\nprint it\nsend --param k echo");
    ASSERT_FALSE(steps);
    for (int line = 1; line <= 8; ++line) {
        EXPECT_NE(steps.error().message.find("line " + std::to_string(line) + ": "), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace jiro::dev_hub
