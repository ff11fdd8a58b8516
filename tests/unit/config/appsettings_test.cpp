// SPDX-License-Identifier: MIT
// The C# client's configuration, as its users have it.
#include "config/appsettings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jiro/config/hub_keys.hpp"
#include "jiro/config/migrate.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using namespace std::chrono_literals;
using test::errors_of;
using test::load;
using test::warnings_of;
using testing::HasSubstr;
using testing::Not;

// Every section that the client ships with, with comments, written anew from its documentation.
constexpr std::string_view kExample = R"({
  // The cloud
  "JiroCloud": {
    "ApiKey": "the-api-key-1",   /* from the web page */
    "ApiUrl": "https://jiro.example/api/",
    "WebSocket": {
      "HubUrl": "https://jiro.example/hubs/instanceHub",
      "HandshakeTimeoutMs": 16000,
      "KeepAliveIntervalMs": 14000,
      "ReconnectionAttempts": 7,
      "ReconnectionDelayMs": 4000,
      "ServerTimeoutMs": 31000,
      "Headers": { "User-Agent": "Jiro-Bot/1.0", "X-Site": "a//b" },
    },
    "Grpc": { "ServerUrl": "https://jiro.example/grpc", "MaxRetries": 4, "TimeoutMs": 20000 }
  },
  "Chat": { "AuthToken": "sk-1", "Enabled": true, "SystemMessage": "You are // kind", "Model": "m", "TokenLimit": 2000 },
  "ConnectionStrings": { "JiroContext": "Data Source=Data/Database/jiro.db" },
  "DataPaths": { "Logs": "Data/Logs", "Messages": "Data/Messages", "Plugins": "Data/Plugins", "Themes": "Data/Themes" },
  "Serilog": { "MinimumLevel": { "Default": "Information", "Override": { "Microsoft": "Warning" } }, "WriteTo": [ { "Name": "Console" } ] },
  "Logging": { "LogLevel": { "Default": "Information" } },
  "JiroApi": "https://localhost:18092",
  "Whitelist": true,
  "AllowedHosts": "*"
})";

TEST(Appsettings, example_is_taken_as_it_is) {
    const auto loaded = load_text(kExample, "/home/app/jiro/Configuration/appsettings.json", {});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    const Config& config = *loaded.config;
    EXPECT_TRUE(config.is_appsettings);
    EXPECT_EQ(config.credentials.api_key.reveal(), "the-api-key-1");
    EXPECT_EQ(config.websocket.hub_url->path(), "/hubs/instanceHub");
    EXPECT_EQ(config.websocket.handshake_timeout, 16s);
    EXPECT_EQ(config.websocket.keep_alive_interval, 14s);
    EXPECT_EQ(config.websocket.server_timeout, 31s);
    EXPECT_EQ(config.websocket.max_reconnection_attempts, 7);
    EXPECT_EQ(config.websocket.reconnection_delay, 4s);
    EXPECT_EQ(config.websocket.headers.at(1).second, "a//b");
    EXPECT_EQ(config.delivery.grpc.server_url->host(), "jiro.example");
    EXPECT_EQ(config.delivery.grpc.max_retries, 4);
    EXPECT_EQ(config.delivery.grpc.timeout, 20s);
    EXPECT_EQ(config.hub.themes, "/home/app/jiro/Data/Themes");
    EXPECT_EQ(config.commands.prefix, "$");
    EXPECT_EQ(config.commands.default_command, "chat");
    EXPECT_EQ(config.chat.model, "m");
    EXPECT_EQ(config.chat.system_prompt, "You are // kind");
    EXPECT_EQ(config.chat_credentials.api_key.reveal(), "sk-1");
    EXPECT_EQ(config.hub.requests, RequestKinds::all());
}

// One warning for each key that means nothing, whatever is in it; none for the path of the gRPC address.
TEST(Appsettings, keys_without_a_meaning_are_one_warning_each) {
    const std::string warnings = warnings_of(kExample);
    for (const char* key :
         {"JiroCloud.ApiUrl", "ConnectionStrings", "DataPaths.Logs", "DataPaths.Messages", "DataPaths.Plugins",
          "Serilog", "Logging.LogLevel", "JiroApi", "Whitelist", "AllowedHosts"}) {
        EXPECT_THAT(warnings, HasSubstr(std::string(key) + ": means nothing here: ")) << key;
    }
    EXPECT_EQ(std::ranges::count(warnings, '\n'), 10) << warnings;
    EXPECT_THAT(warnings, Not(HasSubstr("sk-1")));
}

TEST(Appsettings, unknown_keys_stay_errors) {
    EXPECT_THAT(errors_of(R"({"JiroCloud": {"ApiKeyy": "x"}})"),
                HasSubstr("JiroCloud.ApiKeyy: unknown key, did you mean 'ApiKey'?"));
    EXPECT_THAT(errors_of(R"({"JiroCloud": {"WebSocket": {"HubUrll": "x"}}})"), HasSubstr("unknown key"));
    EXPECT_THAT(errors_of(R"({"JiroCloud": {"Grpc": {"MaxRetries": "many"}}})"), HasSubstr("Grpc.MaxRetries"));
    EXPECT_THAT(errors_of(R"({"JiroCloud": 5})"), HasSubstr("JiroCloud: is a section"));
    EXPECT_THAT(errors_of(R"({"Chatter": {"Enabled": true}, "JiroCloud": {}})"), HasSubstr("Chatter: unknown key"));
}

// Our own keys win, in the file and in the environment; a variable wins over the file.
TEST(Appsettings, our_own_keys_win) {
    const auto loaded = load(
        R"({"JiroCloud": {"Grpc": {"TimeoutMs": 1000, "MaxRetries": 1}, "ApiKey": "theirs-1"},
                                 "Grpc": {"TimeoutMs": 2000}, "Hub": {"Requests": ["machine"]}, "Commands": {"Prefix": ""}})",
        {{"JIRO_JiroCloud__Grpc__MaxRetries", "5"}, {"JIRO_JiroCloud__ApiKey", "theirs-2"}, {"JIRO_APIKEY", "ours-1"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.grpc.timeout, 2s);
    EXPECT_EQ(loaded.config->delivery.grpc.max_retries, 5);
    EXPECT_EQ(loaded.config->credentials.api_key.reveal(), "ours-1");
    EXPECT_EQ(loaded.config->commands.prefix, "");
    EXPECT_FALSE(loaded.config->hub.requests.has(RequestKind::logs));
    EXPECT_THAT(foreign_mapping(*loaded.config),
                HasSubstr("JiroCloud.Grpc.TimeoutMs -> Grpc.TimeoutMs (not used: Grpc.TimeoutMs is given)"));
}

// What the compose file of the C# client sets.
TEST(Appsettings, variables_are_taken_as_they_are) {
    const auto loaded = load("", {{"JIRO_JiroCloud__ApiKey", "key-of-env"},
                                  {"JIRO_JIROCLOUD__WEBSOCKET__HUBURL", "https://jiro.example/hubs/instanceHub"},
                                  {"JIRO_JiroCloud__Grpc__ServerUrl", "https://jiro.example/grpc"},
                                  {"JIRO_JiroCloud__WebSocket__Headers__User-Agent", "me/2"},
                                  {"JIRO_Chat__AuthToken", "sk-2"},
                                  {"JIRO_ConnectionStrings__JiroContext", "Data Source=x"},
                                  {"JIRO_Serilog__MinimumLevel__Default", "Debug"},
                                  {"JIRO_DataPaths__Themes", "/srv/themes"},
                                  {"JIRO_Whitelist", "true"},
                                  {"JIRO_TEST_MODE", "false"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_TRUE(loaded.config->is_appsettings);
    EXPECT_EQ(loaded.config->credentials.api_key.reveal(), "key-of-env");
    EXPECT_EQ(loaded.config->websocket.headers, (Pairs{{"User-Agent", "me/2"}}));
    EXPECT_EQ(loaded.config->hub.themes, "/srv/themes");
    EXPECT_EQ(loaded.config->commands.prefix, "$");
    EXPECT_THAT(errors_of("", {{"JIRO_JiroCloud__ApiKeyy", "x"}}), HasSubstr("JIRO_JiroCloud__ApiKeyy"));
    const auto in_test_mode = load("", {{"JIRO_TEST_MODE", "true"}});  // the command line's
    EXPECT_FALSE(in_test_mode.config->is_appsettings);
    EXPECT_TRUE(in_test_mode.config->warnings.empty());
}

// One header of the environment lies beside those of the file.
TEST(Appsettings, one_header_of_the_environment_joins_the_files) {
    const auto loaded = load(R"({"JiroCloud": {"WebSocket": {"Headers": {"User-Agent": "a", "X-Site": "b"}}}})",
                             {{"JIRO_JiroCloud__WebSocket__Headers__user-agent", "c"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->websocket.headers, (Pairs{{"X-Site", "b"}, {"user-agent", "c"}}));
}

// Comments of // and /* where .NET allows them; what only looks like one is left alone.
TEST(Appsettings, comments_are_passed_over) {
    const auto loaded = load(
        "// ahead\n{ /* a\n b */ \"Grpc\": { // x \"TimeoutMs\": 1\n"
        "  \"ServerUrl\": \"https://a.example\", \"TimeoutMs\": 5000// five\n /**/ }, }\n// behind");
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.grpc.timeout, 5s);
    EXPECT_EQ(loaded.config->delivery.grpc.server_url->host(), "a.example");
    const auto unquoted = load("{ Grpc: { ServerUrl: https://a.example/x } }");
    ASSERT_TRUE(unquoted) << errors_of(unquoted);
    const auto tight = load(
        "\xEF\xBB\xBF// ahead\n---\n{\"AllowInsecure\": true// yes\n, \"ApiKey\": null/* none */, \"Commands\":/**/ "
        "{\"MaxQueued\": 5/**/}}");
    ASSERT_TRUE(tight) << errors_of(tight);
    EXPECT_TRUE(tight.config->allow_insecure);
    // Places stay what they are.
    EXPECT_THAT(errors_of("{ // x\n /* y */ \"Grpc\": { \"TimeoutMs\": \"x\" } }"), HasSubstr("test.yaml:2:"));
}

// What is not JSON from its first byte to its last is YAML, where // and /* are text: a script's glob, an address.
TEST(Appsettings, what_is_not_all_json_keeps_its_slashes) {
    const std::string script = R"(rm "$BASE"/*/cache "$BASE"/*/tmp; echo $((7 //2)) # no comment)";
    const std::string block =
        "Commands:\n  Exec:\n    tidy:\n      Shell: true\n      Program: |\n        " + script + '\n';
    const std::string flow = "{ tidy: { Shell: true, Program: '" + script + "' } }";
    for (const auto& [text, variable] :
         {std::pair{"{ \"Grpc\": { \"TimeoutMs\": 5000 } }\n---\n" + block, std::string()},
          {"---\n{ Grpc: {} }\n---\n" + block, ""},
          {"{ Commands: { Exec: " + flow + " } }", ""},
          {"", flow}}) {
        const auto loaded =
            load(text, variable.empty() ? Environment() : Environment{{"JIRO_COMMANDS__EXEC", variable}});
        ASSERT_TRUE(loaded) << errors_of(loaded) << text;
        const auto& program = loaded.config->commands.exec.at(0).program.back();
        EXPECT_EQ(program.substr(0, program.find_last_not_of('\n') + 1), script) << text << variable;
    }
    for (const char* headers :
         {"{ X-Site: 'a /*b*/ c', User-Agent: agent/1//x }",
          "{ /* for the proxy */ \"X-Site\": \"a /*b*/ c\", \"User-Agent\": \"agent/1//x\", } // all"}) {
        const auto loaded = load("", {{"JIRO_WEBSOCKET__HEADERS", headers}});
        ASSERT_TRUE(loaded) << errors_of(loaded) << headers;
        EXPECT_EQ(loaded.config->websocket.headers, (Pairs{{"X-Site", "a /*b*/ c"}, {"User-Agent", "agent/1//x"}}))
            << headers;
    }
}

// A comment in JSON that stands beside YAML would be a part of a key or value there: it is named, with its place.
TEST(Appsettings, a_comment_in_json_beside_yaml_is_an_error) {
    for (const char* text :
         {"{ \"Grpc\": {},\n// hm\n }\n---\nLogging: {}\n", "{ \"ApiKey\":\n/* x */ \"y\", Chat: {} }"})
        EXPECT_THAT(errors_of(text), HasSubstr("test.yaml:2:1: comments (// or /*) are taken only where")) << text;
}

// One that never ends would hide the rest of the file.
TEST(Appsettings, a_comment_without_an_end_is_an_error) {
    EXPECT_FALSE(load_text("/* ${CREDENTIALS", "appsettings.json", {}).errors.empty());
    EXPECT_FALSE(load_text("{} /*/", "appsettings.json", {}).errors.empty());
    EXPECT_TRUE(load_text("// nothing", "appsettings.json", {}).errors.empty());
    EXPECT_TRUE(load_text("/**/ /* nothing */", "appsettings.json", {}).errors.empty());
}

// What migrate-config writes says the same, in our words.
TEST(Appsettings, migrated_configuration_says_the_same) {
    const auto before = load_text(kExample, "/srv/appsettings.json", {});
    const std::string yaml = as_our_yaml(*before.config, Secrets::written);
    const auto after = load(yaml);
    ASSERT_TRUE(after) << errors_of(after) << yaml;
    EXPECT_THAT(changes(*before.config, *after.config), testing::IsEmpty()) << yaml;
    EXPECT_TRUE(after.config->foreign.empty());
    EXPECT_THAT(yaml, HasSubstr("  MaxReconnectionAttempts: 7  # JiroCloud.WebSocket.ReconnectionAttempts\n"));
    EXPECT_THAT(yaml, HasSubstr("# Serilog: means nothing here"));
    const std::string without = as_our_yaml(*before.config, Secrets::left_out);
    EXPECT_THAT(without, Not(HasSubstr("the-api-key-1")));
    EXPECT_THAT(without, HasSubstr("ApiKeyFile"));
}

// An address's query and a key may be secrets, too: written where secrets are, else masked and told.
TEST(Appsettings, migrated_secrets_are_whole_or_masked) {
    const auto before = load_text(
        "{\"JiroCloud\": {\"ApiKey\": \"a: b\", \"WebSocket\": {\"HubUrl\": \"https://h:8443/hub?code=a%2Fb&x=1\"}}}",
        "/srv/appsettings.json", {});
    const std::string yaml = as_our_yaml(*before.config, Secrets::written);
    EXPECT_THAT(yaml, HasSubstr("https://h:8443/hub?code=a%2Fb&x=1"));
    const auto after = load(yaml);
    ASSERT_TRUE(after) << errors_of(after) << yaml;
    EXPECT_THAT(changes(*before.config, *after.config), testing::IsEmpty()) << yaml;
    EXPECT_THAT(as_our_yaml(*before.config, Secrets::left_out), HasSubstr("code=***&x=***\"  # a secret"));
}

TEST(Appsettings, a_configuration_of_ours_has_nothing_of_it) {
    const auto loaded = load("WebSocket: { HubUrl: https://h/hub }\nGrpc: { ServerUrl: https://h }\n");
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded.config->is_appsettings);
    EXPECT_EQ(loaded.config->commands.prefix, "");
    EXPECT_EQ(loaded.config->hub.requests, RequestKinds::usual());
    EXPECT_EQ(foreign_mapping(*loaded.config), "");
    EXPECT_THAT(errors_of("Chat: { AuthToken: x }\n"), HasSubstr("unknown key"));
}

// Keys that the hub may name, by any of their names; each that it may set is a key.
TEST(HubKeys, are_found_by_any_name) {
    for (const char* name : {"Commands.TimeoutMs", "commands:timeoutms", "COMMANDS__TIMEOUTMS"}) {
        EXPECT_EQ(find_hub_key(name).path, "Commands.TimeoutMs") << name;
        EXPECT_TRUE(find_hub_key(name).may_be_set) << name;
    }
    EXPECT_EQ(find_hub_key("JiroCloud:Grpc:TimeoutMs").path, "Grpc.TimeoutMs");
    EXPECT_FALSE(find_hub_key("JiroCloud.ApiKey").may_be_set);
    EXPECT_EQ(find_hub_key("JiroCloud.ApiKey").path, "ApiKey");
    EXPECT_EQ(find_hub_key("Commands.Exec.x.Program").path, "Commands.Exec");
    EXPECT_FALSE(find_hub_key("Commands.TimeoutMs.x").may_be_set);
    EXPECT_EQ(find_hub_key("").path, "");
}

}  // namespace
}  // namespace jiro::config
