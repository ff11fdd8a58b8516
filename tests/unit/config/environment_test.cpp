// SPDX-License-Identifier: MIT
#include "config/environment.hpp"

#include <gmock/gmock.h>

#include <set>

#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using test::load;
using testing::HasSubstr;
using namespace std::chrono_literals;

// A variable wins over the file, and the printed provenance says so.
TEST(ConfigEnvironment, overrides_the_file) {
    const auto loaded =
        load("Grpc: { TimeoutMs: 1000 }\n", {{"JIRO_GRPC__TIMEOUTMS", "2000"},
                                             {"JIRO_WebSocket__HubUrl", "https://h/hub"},
                                             {"JIRO_GRPC__SERVERURL", "https://h"},
                                             {"JIRO_WEBSOCKET__HEADERS", "{ X-Site: vienna }"},
                                             {"JIRO_WEBSOCKET__PROXY", ""},
                                             {"JIRO_COMMANDS__EXEC", "{up: {Program: [/usr/bin/uptime]}}"},
                                             {"JIRO_PARAM_SERVICE", "of an exec command"},
                                             {"JIRO_COMMAND", "a"},
                                             {"JIRO_COMMAND_ID", "cmd-1"},
                                             {"JIRO_SESSION_ID", "s"},
                                             {"JIRO_RUN", "r"},
                                             {"JIRO_RESUMED", "1"},
                                             {"JIROX", "not ours"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.grpc.timeout, 2s);
    EXPECT_EQ(loaded.config->websocket.hub_url->path(), "/hub");
    EXPECT_EQ(loaded.config->websocket.headers.at(0).first, "X-Site");
    EXPECT_EQ(loaded.config->commands.exec.at(0).name, "up");
    EXPECT_EQ(loaded.config->provenance.at("Grpc.TimeoutMs"), "environment JIRO_GRPC__TIMEOUTMS");
}

// A list or a map may be pasted from JSON, as .NET writes it.
TEST(ConfigEnvironment, lists_and_maps_may_be_json) {
    const auto loaded = load("", {{"JIRO_HUB__REQUESTS", "[ // c\n \"commands\"/**/]"},
                                  {"JIRO_WEBSOCKET__HEADERS", R"({"X-Site": "\ud83d\ude80"})"},
                                  {"JIRO_MONITORING__HOSTS", R"([a.example, "\ud83d\ude80"])"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_FALSE(loaded.config->hub.requests == RequestKinds::all());
    EXPECT_EQ(loaded.config->websocket.headers.at(0).second, "\U0001F680");
    EXPECT_EQ(loaded.config->monitoring.hosts, (std::vector<std::string>{"a.example", "\U0001F680"}));
}

// A pair is JSON's only in a text of double quotes: elsewhere YAML has no escapes, and a script keeps what it has.
TEST(ConfigEnvironment, pairs_are_joined_in_double_quotes_only) {
    const auto headers = [](const char* text) {
        const auto loaded = load("", {{"JIRO_WEBSOCKET__HEADERS", text}});
        return loaded ? loaded.config->websocket.headers : Pairs{{"errors", errors_of(loaded)}};
    };
    const std::string pair = R"(\ud83d\ude80)";
    EXPECT_EQ(headers(R"({ A: '"\ud83d\ude80"', B: \ud83d\ude80 })"), (Pairs{{"A", '"' + pair + '"'}, {"B", pair}}));
    EXPECT_EQ(headers(R"({ A: '"\ud83d\ude80"', B: "\ud83d\ude80", "C": "\\\ud83d\ude80\"", D: "\\ud83d" })"),
              (Pairs{{"A", '"' + pair + '"'}, {"B", "\U0001F680"}, {"C", "\\\U0001F680\""}, {"D", R"(\ud83d)"}}));
    EXPECT_EQ(headers("\xEF\xBB\xBFX: \"\xC3\xA4\\ud83d\\ude80\""), (Pairs{{"X", "\xC3\xA4\U0001F680"}}));
}

// An empty variable is one that is not set: what may be null is, what may not is as if there was no variable.
TEST(ConfigEnvironment, empty_variables_set_nothing) {
    Environment environment;
    for (const auto& key : schema()) environment[variable_of(key.path)] = "";
    const auto loaded = load(
        "Grpc: { TimeoutMs: 1000, Proxy: \"http://p\" }\nLogging: { Level: warn, Audit: off, CommandText: true }\n"
        "Commands: { RunAs: daemon }\nMonitoring: { Listen: off }\nHub: { Requests: [logs] }\n",
        environment);
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.grpc.timeout, 1s);
    EXPECT_EQ(loaded.config->delivery.grpc.proxy, std::nullopt);
    EXPECT_EQ(loaded.config->logging.level, log::Level::warn);
    EXPECT_TRUE(loaded.config->commands.command_text);
    EXPECT_EQ(loaded.config->provenance.at("Grpc.TimeoutMs"), "test.yaml:1");
}

// What no file may hold no variable may, either, whatever its key and its form.
TEST(ConfigEnvironment, holds_text_only) {
    for (const char* name : {"JIRO_INSTANCEID", "JIRO_CHAT__SYSTEMPROMPT", "JIRO_LOGGING__AUDIT", "JIRO_HUB__REQUESTS",
                             "JIRO_JiroCloud__ApiKey", "JIRO_JiroCloud__WebSocket__Headers__a"}) {
        const std::string place = std::string("environment ") + name + ": ";
        EXPECT_EQ(errors_of("", {{name, "a\xE9"}}), place + "not UTF-8 text\n");
        EXPECT_EQ(errors_of("", {{name, "a\x1b[2J"}}), place + "a control character (code 27), which no text has\n");
        EXPECT_EQ(errors_of("", {{name, "a\x7f"}}), place + "a control character (code 127), which no text has\n");
    }
    EXPECT_EQ(errors_of("", {{"JIRO_CHAT__SYSTEMPROMPT", "caf\xC3\xA9\n\tau lait"}}), "");
}

// Mistakes in the environment come after the file's and name the variable.
TEST(ConfigEnvironment, errors_name_the_variable) {
    EXPECT_EQ(
        errors_of("Nope: 1\n", {{"JIRO_GRPC__TIMEOUT", "5"}}),
        "test.yaml:1:1: Nope: unknown key, allowed here: InstanceId, ApiKey, ApiKeyFile, AllowInsecure, WebSocket, "
        "Grpc, Hub, Commands, Outbox, Chat, Monitoring, Logging\n"
        "environment JIRO_GRPC__TIMEOUT: no key of the configuration has this name, did you mean "
        "'JIRO_GRPC__TIMEOUTMS'?\n");
    EXPECT_EQ(
        errors_of("", {{"JIRO_GRPC__TIMEOUTMS", "soon"}}),
        "environment JIRO_GRPC__TIMEOUTMS: Grpc.TimeoutMs: must be a whole number from 10 to 86400000, not 'soon'\n");
    EXPECT_THAT(errors_of("", {{"JIRO_GRPC__TIMEOUTMS", "50"}, {"JIRO_Grpc__TimeoutMs", "60"}}),
                HasSubstr("is also given by JIRO_GRPC__TIMEOUTMS"));
    EXPECT_THAT(errors_of("", {{"JIRO_WEBSOCKET__HEADERS", "{ a: "}}),
                HasSubstr("environment JIRO_WEBSOCKET__HEADERS: not valid YAML"));
    EXPECT_THAT(errors_of("", {{"JIRO_WEBSOCKET__HEADERS", "x"}}), HasSubstr("must be a map"));
}

// What Kubernetes sets for services named jiro, jiro-hub and so on starts no restart loop; a mistyped key is still one.
TEST(ConfigEnvironment, leaves_the_variables_of_kubernetes_services_alone) {
    const auto loaded = load_text("", "test.yaml",
                                  {{"JIRO_SERVICE_HOST", "10.0.0.9"},
                                   {"JIRO_SERVICE_PORT", "80"},
                                   {"JIRO_SERVICE_PORT_HTTP", "80"},
                                   {"JIRO_PORT", "tcp://10.0.0.9:80"},
                                   {"JIRO_PORT_80_TCP", "tcp://10.0.0.9:80"},
                                   {"JIRO_HUB_PORT_80_TCP_PROTO", "tcp"},
                                   {"JIRO_HUB_PORT_53_UDP_ADDR", "10.0.0.9"},
                                   {"JIRO_HUB_PORT", "udp://10.0.0.9:53"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    ASSERT_EQ(loaded.config->warnings.size(), 1U);
    EXPECT_THAT(loaded.config->warnings[0].text, HasSubstr("JIRO_HUB_PORT_80_TCP_PROTO"));
    EXPECT_THAT(errors_of("", {{"JIRO_HUB_PORT", "80"}}), HasSubstr("no key of the configuration"));
    EXPECT_THAT(errors_of("", {{"JIRO_SERVICEHOST", "10.0.0.9"}}), HasSubstr("no key of the configuration"));
}

// No two keys share a variable, so each can be set.
TEST(ConfigEnvironment, every_key_has_a_variable_of_its_own) {
    std::set<std::string> names;
    for (const auto& key : schema()) EXPECT_TRUE(names.insert(variable_of(key.path)).second) << key.path;
    EXPECT_TRUE(names.contains("JIRO_WEBSOCKET__TLS__CAFILE"));
}

}  // namespace
}  // namespace jiro::config
