// SPDX-License-Identifier: MIT
#include "dev_hub/options.hpp"

#include <gtest/gtest.h>

#include "dev_hub/command.hpp"

namespace jiro::dev_hub {
namespace {

// Addresses are read in the forms that people type.
TEST(Endpoint, reads_addresses) {
    const std::pair<const char*, const char*> rows[] = {
        {"127.0.0.1:5001", "127.0.0.1:5001"}, {":5001", "127.0.0.1:5001"}, {"5001", "127.0.0.1:5001"},
        {"localhost:0", "127.0.0.1:0"},       {"[::1]:80", "[::1]:80"},    {"0.0.0.0:65535", "0.0.0.0:65535"},
    };
    for (const auto& [text, expected] : rows) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->text(), expected);
    }
    for (const auto* text : {"", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "example.org:80", "1.2.3.4:5x"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

// Secrets are equal only when all bytes are.
TEST(Options, compares_secrets) {
    EXPECT_TRUE(equal_in_constant_time("token", "token"));
    EXPECT_FALSE(equal_in_constant_time("token", "tokem"));
    EXPECT_FALSE(equal_in_constant_time("token", "token1"));
    EXPECT_FALSE(equal_in_constant_time("", "t"));
}

// Both argument forms of the field, as the seed shows the message.
TEST(Command, is_written_as_object_and_as_string) {
    Command command;
    command.text = "chat \"Hello\"";
    command.sync_id = "cmd-456-789";
    command.instance_id = "user-123";
    command.session_id = "session-abc";
    command.parameters = {{"key1", "value1"}, {"key2", "value2"}};
    const std::string object = R"({"instanceId":"user-123","command":"chat \"Hello\"","commandSyncId":"cmd-456-789",)"
                               R"("sessionId":"session-abc","parameters":{"key1":"value1","key2":"value2"}})";
    EXPECT_EQ(command_json(command, ArgumentForm::object), object);
    EXPECT_EQ(nlohmann::json::parse(command_json(command, ArgumentForm::string)).get<std::string>(), object);
}

}  // namespace
}  // namespace jiro::dev_hub
