// SPDX-License-Identifier: MIT
#include "config/machine.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>

#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using testing::HasSubstr;

Result<std::string> fact_of_a_fleet(std::string_view name) {
    if (name == "hostname") return std::string("web1.example");
    if (name == "machine-id") return std::string("0123456789abcdef0123456789abcdef");
    return fact_of_machine(name);
}

// Both names, anywhere in the text and any number of times; the text around them is taken as it is.
TEST(MachineFacts, replace_their_names) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"", ""},
        {"web", "web"},
        {"${hostname}", "web1.example"},
        {"vienna-${hostname}-${machine-id}", "vienna-web1.example-0123456789abcdef0123456789abcdef"},
        {"${hostname}${hostname}", "web1.exampleweb1.example"},
        {"$hostname {hostname} $ }", "$hostname {hostname} $ }"},
        {"$${hostname}", "$web1.example"},
    };
    for (const auto& [text, expected] : rows) {
        const auto complete = with_machine_facts(text, fact_of_a_fleet);
        ASSERT_TRUE(complete) << text << ": " << complete.error().message;
        EXPECT_EQ(*complete, expected) << text;
    }
}

// A mistyped name is an error, not a strange id that no hub knows.
TEST(MachineFacts, refuse_what_they_do_not_know) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"${host}", "${host} is not known"},
        {"${}", "${} is not known"},
        {"${Hostname}", "${Hostname} is not known"},
        {"${STATE_DIRECTORY}", "is not known"},
        {"a${hostname", "is not closed"},
        {"${${hostname}}", "is not known"},
    };
    for (const auto& [text, problem] : rows) {
        const auto complete = with_machine_facts(text, fact_of_a_fleet);
        ASSERT_FALSE(complete) << text;
        EXPECT_THAT(complete.error().message, HasSubstr(problem)) << text;
    }
}

// In a configuration: InstanceId and the values of headers have them, and an error stands at its line.
TEST(MachineFacts, stand_in_instance_id_and_headers) {
    std::array<char, 256> name{};
    ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
    const auto loaded = test::load(
        "InstanceId: site-${hostname}\n"
        "WebSocket: { Headers: { X-Host: \"${hostname}\" } }\n");
    ASSERT_TRUE(loaded) << test::errors_of(loaded);
    EXPECT_EQ(loaded.config->instance_id, std::string("site-") + name.data());
    EXPECT_EQ(loaded.config->commands.instance_id, loaded.config->instance_id);
    EXPECT_EQ(loaded.config->websocket.headers.front().second, name.data());

    EXPECT_THAT(test::errors_of("\nInstanceId: ${hostnam}\n"),
                HasSubstr("test.yaml:2:13: InstanceId: ${hostnam} is not known"));
    EXPECT_THAT(test::errors_of("WebSocket: { Headers: { X-A: \"${x}\" } }\n"), HasSubstr("'X-A' ${x} is not known"));
    EXPECT_THAT(test::errors_of("", {{"JIRO_INSTANCEID", "${x}"}}), HasSubstr("JIRO_INSTANCEID"));
}

}  // namespace
}  // namespace jiro::config
