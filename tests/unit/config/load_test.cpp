// SPDX-License-Identifier: MIT
#include "jiro/config/load.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temp_dir.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using test::load;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr std::string_view kSeedWebSocket = R"({
  "WebSocket": {
    "HubUrl": "https://localhost:5001/instanceHub",
    "ReconnectionDelayMs": 5000,
    "MaxReconnectionAttempts": 5,
    "HandshakeTimeoutMs": 15000,
    "KeepAliveIntervalMs": 15000,
    "ServerTimeoutMs": 30000,
    "AccessToken": null,
    "Headers": {
      "User-Agent": "Jiro-Bot/1.0"
    }
  }
}
)";
constexpr std::string_view kSeedGrpc = R"({
  "Grpc": {
    "ServerUrl": "https://localhost:5001",
    "TimeoutMs": 30000,
    "MaxRetries": 3
  }
}
)";

// An empty file is a configuration: everything has its default.
TEST(ConfigLoad, empty_text_gives_defaults) {
    for (const std::string_view text :
         {"", "# only a comment\n", "---\n", "{}", "\xEF\xBB\xBF", "WebSocket:\nGrpc:\n"}) {
        const auto loaded = load(text);
        ASSERT_TRUE(loaded) << '[' << text << "]\n" << errors_of(loaded);
        EXPECT_TRUE(loaded.config->provenance.empty());
        EXPECT_EQ(loaded.config->websocket.reconnection_delay, 5s);
        EXPECT_EQ(loaded.config->websocket.headers.front().second, "Jiro-Bot/1.0");
        EXPECT_FALSE(loaded.config->websocket.hub_url);
    }
}

// An error is one line, for a terminal, the log and systemd's status: a key of the file cannot begin another.
TEST(ConfigLoad, errors_are_one_line) {
    EXPECT_THAT(errors_of(R"({"WebSocket": {"a\nSTOPPING=1\u001b[31m": 1}})"),
                AllOf(HasSubstr(R"(WebSocket.a\x0aSTOPPING=1\x1b[31m: unknown key)"), Not(HasSubstr("\x1b"))));
}

// The JSON blocks that the deployed clients have in their appsettings.json, in every way somebody may paste them.
TEST(ConfigLoad, accepts_the_json_blocks_of_existing_clients) {
    const std::string both = std::string(kSeedWebSocket) + std::string(kSeedGrpc);
    struct Row {
        std::string_view name;
        std::string text;
        bool has_hub;
        bool has_grpc;
    };
    const Row rows[] = {
        {"first alone", std::string(kSeedWebSocket), true, false},
        {"second alone", std::string(kSeedGrpc), false, true},
        {"one below the other", both, true, true},
        {"with a comma-free gap", std::string(kSeedWebSocket) + "\n\n" + std::string(kSeedGrpc), true, true},
        {"as two documents", std::string(kSeedWebSocket) + "---\n" + std::string(kSeedGrpc), true, true},
        {"merged by hand",
         R"({"WebSocket":{"HubUrl":"https://localhost:5001/instanceHub"},"Grpc":{"ServerUrl":"https://localhost:5001"}})",
         true, true},
        {"YAML, then JSON",
         "WebSocket:\n  HubUrl: https://localhost:5001/instanceHub\n{\"Grpc\": {\"ServerUrl\": "
         "\"https://localhost:5001\"}}",
         true, true},
        {"JSON, then YAML", std::string(kSeedWebSocket) + "---\nGrpc:\n  ServerUrl: https://localhost:5001\n", true,
         true},
        {"tabs and no spaces", "{\n\t\"Grpc\":{\n\t\t\"ServerUrl\":\"https:\\/\\/localhost:5001\"\n\t}\n}", false,
         true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto loaded = load(row.text);
        ASSERT_TRUE(loaded) << errors_of(loaded);
        EXPECT_EQ(loaded.config->websocket.hub_url.has_value(), row.has_hub);
        ASSERT_EQ(loaded.config->delivery.grpc.server_url.has_value(), row.has_grpc);
        if (row.has_grpc) {
            EXPECT_EQ(loaded.config->delivery.grpc.server_url->authority(), "localhost:5001");
        }
    }
}

// JSON's own way to write a character beyond U+FFFF, as .NET does by default, also where it was pasted into YAML.
TEST(ConfigLoad, reads_surrogate_pairs_of_json) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {R"({"InstanceId": "a\ud83d\ude80z"})", "a\U0001F680z"},
        {R"(# comment
{"InstanceId": "\uD83D\uDE80", "Grpc": {"TimeoutMs": 50,},})",
         "\U0001F680"},
        {R"({"InstanceId": "\u00e9\udbff\udfff"})", "é\U0010FFFF"},
        {R"({"InstanceId": "\\ud83d\\ude80"})", R"(\ud83d\ude80)"},
        {"---\n"
         R"({"InstanceId": "\ud83d\ude80"})",
         "\U0001F680"},
        {"Grpc: {}\n"
         R"(InstanceId: "\ud83d\ude80")",
         "\U0001F680"},
        {"Grpc: {}\n"
         R"({"InstanceId": "\ud83d\ude80"})",
         "\U0001F680"},
        {R"(InstanceId: '\ud83d\ude80')", R"(\ud83d\ude80)"},
        {R"({"InstanceId": "https://x/*y*/ //"})", "https://x/*y*/ //"}};
    for (const auto& [text, id] : rows) {
        const auto loaded = load(text);
        ASSERT_TRUE(loaded) << text << '\n' << errors_of(loaded);
        EXPECT_EQ(loaded.config->instance_id, id) << text;
    }
}

// A mistake in the second of two pasted objects is found in its own line.
TEST(ConfigLoad, places_are_right_in_pasted_objects) {
    std::string text = std::string(kSeedWebSocket) + std::string(kSeedGrpc);
    text.replace(text.find("\"MaxRetries\": 3"), 15, "\"MaxRetries\": -3");
    EXPECT_EQ(errors_of(text), "test.yaml:19:19: Grpc.MaxRetries: -3 is out of range, allowed is 0 to 1000\n");
    EXPECT_EQ(errors_of(std::string(kSeedGrpc) + std::string(kSeedGrpc)),
              "test.yaml:9:3: Grpc: is given twice, first in line 2\n"
              "test.yaml:10:5: Grpc.ServerUrl: is given twice, first in line 3\n"
              "test.yaml:11:5: Grpc.TimeoutMs: is given twice, first in line 4\n"
              "test.yaml:12:5: Grpc.MaxRetries: is given twice, first in line 5\n");
}

// Each kind of mistake has its own message, which says what is allowed.
TEST(ConfigLoad, names_each_mistake) {
    struct Row {
        std::string_view name;
        std::string_view text;
        std::string_view error;
    };
    const Row rows[] = {
        {"unknown key", "WebSocket: { HubUlr: x }", "1:14: WebSocket.HubUlr: unknown key, did you mean 'HubUrl'?"},
        {"unknown section", "Websockets: { }", "1:1: Websockets: unknown key, did you mean 'WebSocket'?"},
        {"key of another section", "TimeoutMs: 5", "1:1: TimeoutMs: unknown key, did you mean 'Grpc.TimeoutMs'?"},
        {"nothing like it", "Grpc: { Xyzzy: 1 }", "unknown key, allowed here: ServerUrl, TimeoutMs, MaxRetries"},
        {"text for a number", "Grpc: { TimeoutMs: soon }",
         "1:20: Grpc.TimeoutMs: must be a whole number from 10 to 86400000, not 'soon'"},
        {"quoted number", "Grpc: { TimeoutMs: \"5000\" }", "not the quoted text '5000'"},
        {"fraction", "Grpc: { TimeoutMs: 1.5 }", "must be a whole number"},
        {"number with unit", "Grpc: { TimeoutMs: 5s }", "must be a whole number"},
        {"nothing for a number", "Grpc:\n  TimeoutMs:\n", "must be a whole number from 10 to 86400000, not nothing"},
        {"map for a number", "Grpc: { TimeoutMs: {} }", "not a map"},
        {"too big for any number", "Grpc: { TimeoutMs: 99999999999999999999 }",
         "is out of range, allowed is 10 to 86400000"},
        {"too small", "Commands: { MaxConcurrent: 0 }", "0 is out of range, allowed is 1 to 10000"},
        {"bad choice", "Logging: { Level: inf }",
         "must be trace, debug, info, warn or error, not 'inf', did you mean 'info'?"},
        {"bad flag", "Logging: { CommandText: maybe }", "must be true or false, not 'maybe'"},
        {"list for text", "InstanceId: [a]", "must be text, not a list"},
        {"section is text", "Grpc: hello", "1:7: Grpc: is a section with keys of its own, not text"},
        {"relative URL", "WebSocket: { HubUrl: /hub }", "WebSocket.HubUrl: not an absolute URL"},
        {"wrong scheme", "WebSocket: { HubUrl: \"ftp://h/\" }", "the scheme must be http"},
        {"wrong scheme for gRPC", "Grpc: { ServerUrl: \"ws://h/\" }", "the scheme must be http or https, not 'ws'"},
        {"relative path", "Outbox: { Path: outbox.db }", "must be an absolute path, which begins with /"},
        {"another word for no file", "Outbox: { Path: \":Memory:\" }", "must be an absolute path, which begins with /"},
        {"unknown variable", "Outbox: { Path: \"${HOME}/x\" }", "only ${CREDENTIALS_DIRECTORY}"},
        {"variable inside", "Outbox: { Path: \"/x/${STATE_DIRECTORY}\" }", "only at the beginning"},
        {"variable not closed", "Outbox: { Path: \"${STATE\" }", "only ${CREDENTIALS_DIRECTORY}"},
        {"same key in other case", "Grpc:\n  TimeoutMs: 10\n  timeoutms: 20\n",
         "3:3: Grpc.TimeoutMs: is given twice, first in line 2"},
        {"same section twice", "Grpc: {}\ngrpc: {}", "2:1: Grpc: is given twice, first in line 1"},
        {"header name", "WebSocket: { Headers: { \"a b\": x } }", "WebSocket.Headers: must have names of letters"},
        {"header with line break", "WebSocket: { Headers: { a: \"x\\r\\nHost: y\" } }",
         "has a value with control characters"},
        {"header of ours", "WebSocket: { Headers: { Sec-WebSocket-Key: y } }", "is set by the client itself"},
        {"header twice", "WebSocket: { Headers: { a: 1, a: 2 } }", "'a' is given twice"},
        {"headers as list", "WebSocket: { Headers: [a] }", "must be a map of names to text, not a list"},
        {"listen", "Monitoring: { Listen: somewhere }", "1:23: Monitoring.Listen: "},
        {"token with line break", "WebSocket: { AccessToken: \"a\\nb\" }", "contains more than one line"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(errors_of(row.text), AllOf(StartsWith("test.yaml:"), HasSubstr(std::string(row.error))));
    }
}

// An operator fixes the file once, not once per mistake.
TEST(ConfigLoad, reports_twenty_errors_together_in_the_order_of_the_file) {
    const auto loaded = load(R"(InstanceId: []
ApiKey: {}
Unknown1: 1
WebSocket:
  HubUrl: nonsense
  ReconnectionDelayMs: -1
  MaxReconnectionAttempts: many
  HandshakeTimeoutMs: 0
  AccessTokenFile: relative
  Headers: 5
  SkipNegotiation: 7
  Unknown2: 2
  Proxy: socks5://x
  Tls: { Verify: sure }
Grpc:
  ServerUrl: nonsense
  MaxRetries: 1001
Commands:
  MaxConcurrent: 0
  OnConnectionLost: shrug
  Exec: 5
Outbox:
  Durability: forever
Logging:
  Level: loud
)");
    ASSERT_EQ(loaded.errors.size(), 20U) << errors_of(loaded);
    int line = 0;
    for (const ConfigError& error : loaded.errors) {
        EXPECT_GE(error.line, line);
        line = error.line;
    }
}

// Text that is no YAML, and YAML made to hurt, is refused with a place and without a crash.
TEST(ConfigLoad, refuses_hostile_text) {
    std::string aliases = "a: &a [x, x]\n";
    for (char c = 'b'; c < 'k'; ++c)
        aliases += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ", *" + char(c - 1) + "]\n";
    struct Row {
        std::string_view name;
        std::string text;
        std::string_view error;
    };
    const Row rows[] = {
        {"not closed", "Grpc: { TimeoutMs: 5", "not valid YAML"},
        {"quote that does not end", "Grpc: {}\nInstanceId: \"a\nCommands: {Trust: {Require: all}}\n",
         "test.yaml:2:13: the quote that begins here does not end"},
        {"single quote", "InstanceId: 'a\n# b\n \n", "test.yaml:1:13: the quote that begins here does not end"},
        {"quote behind others", "{Grpc: {}}\n---\nInstanceId: \"a\\\"\n", "3:13: the quote that begins here"},
        {"quote at the end of the file", "InstanceId: 'a", "not valid YAML: illegal EOF in scalar"},
        {"closed too often", "Grpc: {}\n}", "not valid YAML"},
        {"text after JSON", "{\"Grpc\": {}} trailing", "expected keys with values"},
        {"comment that is not closed", "{\"Grpc\": {} /* x", "comments (// or /*)"},
        {"comment inside a word", "{\"Grpc\": {\"TimeoutMs\": a//b}}", "must be a whole number"},
        {"half a pair", "{\"InstanceId\":\n\"\\ud83d\"}",
         "test.yaml:2:8: not valid YAML: invalid unicode: one half of a surrogate pair"},
        {"other half", "{\"InstanceId\": \"\\ude80\"}", "one half of a surrogate pair"},
        {"tab indentation", "Grpc:\n\tTimeoutMs: 5\n", "test.yaml:2:1: a tab is used to indent"},
        {"a list", "- a\n- b\n", "expected keys with values, such as 'WebSocket:', not a list"},
        {"a word", "hello", "not text"},
        {"alias bomb", aliases, "anchors (&name) are not supported"},
        {"pair behind an anchor", "InstanceId: &a \"\\ud83d\\ude80\"",
         "test.yaml:1:13: anchors (&name) are not supported"},
        {"anchor of nothing", "InstanceId: &a\n", "anchors (&name) are not supported"},
        {"tag", "InstanceId: !!python/object x", "tags (!name) are not supported"},
        {"list as key", "? [a]\n: b\n", "a key must be a word"},
        {"deep lists", "a: " + std::string(5000, '['), "nested too deeply (limit 32)"},
        {"deep maps",
         [] {
             std::string t;
             for (int i = 0; i < 5000; ++i) t += "{a: ";
             return t;
         }(),
         "nested too deeply"},
        {"deep dashes",
         [] {
             std::string t;
             for (int i = 0; i < 5000; ++i) t += "- ";
             return t;
         }(),
         "nested too deeply"},
        {"deep question marks",
         [] {
             std::string t;
             for (int i = 0; i < 5000; ++i) t += "? ";
             return t;
         }(),
         "nested too deeply"},
        {"many values",
         "a: [" +
             [] {
                 std::string t;
                 for (int i = 0; i < 60000; ++i) t += "1,";
                 return t;
             }() +
             "]",
         "too many values"},
        {"many documents",
         [] {
             std::string t;
             for (int i = 0; i < 100; ++i) t += "{}\n";
             return t;
         }(),
         "too many documents"},
        {"too large", std::string(kMaxFileBytes + 1, '#'), "larger than the limit of 1048576 bytes"},
        {"NUL", std::string("a: 1\nb\0", 7), "test.yaml:2:2: a control character (code 0)"},
        {"escape", "a: \x1b[31m", "test.yaml:1:4: a control character (code 27)"},
        {"Latin-1", "a: \xe4", "test.yaml:1:4: not UTF-8 text"},
        {"cut UTF-8", "a: \xe2\x82", "not UTF-8 text"},
        {"an ELF file",
         std::string("\x7f"
                     "ELF\x02\x01",
                     6),
         "a control character"},
        {"escape by an escape", "a: \"x\\e[31m\"", "test.yaml:1:4: a control character (code 27)"},
        {"NUL by an escape", "{\"a\": \"x\\u0000\"}", "a control character (code 0)"},
        {"delete in a key", "{\"a\\u007f\": 1}", "a control character (code 127)"},
        {"half a surrogate", "{\"InstanceId\": \"\\ud83d\"}", "not valid YAML: invalid unicode"},
        {"unknown directive", "%YAML 9.9\n---\nInstanceId: [", "not valid YAML"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(errors_of(row.text), HasSubstr(std::string(row.error)));
    }
}

// What cannot be read is said in the words of the system.
TEST(ConfigLoad, names_what_keeps_a_file_from_being_read) {
    const jiro::test::TempDir directory;
    const auto big = directory.write("big.yaml", std::string(kMaxFileBytes + 1, '#'));
    const auto pipe = directory.path() / "pipe";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);

    EXPECT_THAT(errors_of(load_file(directory.path() / "none.yaml", {})),
                HasSubstr("none.yaml: cannot be opened: No such file"));
    EXPECT_THAT(errors_of(load_file(directory.path(), {})), HasSubstr("is a directory, not a file"));
    EXPECT_THAT(errors_of(load_file(pipe, {})), HasSubstr("is a named pipe, not a file"));
    EXPECT_THAT(errors_of(load_file(big, {})), HasSubstr("is larger than the limit"));
    if (geteuid() != 0) {
        const auto locked = directory.write("locked.yaml", "");
        ASSERT_EQ(chmod(locked.c_str(), 0), 0);
        EXPECT_THAT(errors_of(load_file(locked, {})), HasSubstr("cannot be opened: Permission denied"));
    }
}

// A message never repeats a secret, nor a URL that may hold one.
TEST(ConfigLoad, errors_never_show_secrets) {
    const std::string text =
        "ApiKey: [hunter-two-key]\nWebSocket:\n  AccessToken: \"canary\\x01token\"\n  HubUrl: \"//user:canarypw@h\"\n"
        "  Proxy: \"ftp://user:canarypw@h\"\n  AccessTokenFile: hunter-token\n  Headers: \"X-Api-Key: hunter2\"\n"
        "Chat: { ApiKeyFile: canary-key, Tools: hunter2 }\nMonitoring: { Hosts: canary }\n"
        "Commands: { Exec: { a: { Program: [/x], Environment: PASSWORD=hunter2, Redact: hunter2 } } }\n";
    const std::string errors =
        errors_of(text) + errors_of(load("", {{"JIRO_WEBSOCKET__HEADERS", "\"X-Api-Key: hunter2\""}}));
    EXPECT_THAT(errors, HasSubstr("environment JIRO_WEBSOCKET__HEADERS: WebSocket.Headers: must be a map of names to "
                                  "text, not text"));
    EXPECT_THAT(errors, HasSubstr("Commands.Exec.a.Environment: must be a map of names to text, not text"));
    EXPECT_THAT(errors, HasSubstr("WebSocket.AccessToken"));
    for (const std::string_view secret : {"hunter", "canary"})
        EXPECT_EQ(errors.find(secret), std::string::npos) << errors;
}

// Paths may begin with the directories that systemd gives the service.
TEST(ConfigLoad, expands_the_directories_of_systemd) {
    const Environment environment{{"STATE_DIRECTORY", "/var/lib/jiro:/var/lib/other"}};
    const auto loaded =
        load("Outbox: { Path: \"${STATE_DIRECTORY}/o.db\" }\nApiKeyFile: ${CREDENTIALS_DIRECTORY}/k\n", environment);
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.outbox.path, "/var/lib/jiro/o.db");
    EXPECT_EQ(loaded.config->credentials.api_key_file, "${CREDENTIALS_DIRECTORY}/k");
    ASSERT_EQ(loaded.config->warnings.size(), 1U);
    EXPECT_EQ(
        loaded.config->warnings[0].text,
        "test.yaml:2:13: ApiKeyFile: CREDENTIALS_DIRECTORY is not set here; it is when systemd starts the service");
}

// Every kind of value arrives in the struct of its module.
TEST(ConfigLoad, fills_the_settings_of_the_modules) {
    const auto loaded = load(R"(
instanceid: web-7
websocket: { MAXRECONNECTIONATTEMPTS: -1, Headers: {}, StatefulReconnect: yes, Proxy: "http://proxy:3128" }
Commands: { OnConnectionLost: cancel, Acknowledge: Received, Default: echo }
Outbox: { Durability: power, MaxAgeHours: 1 }
Monitoring: { Listen: unix:/run/x.sock }
Logging: { Level: DEBUG, Target: json, CommandText: on }
)");
    ASSERT_TRUE(loaded) << errors_of(loaded);
    const Config& config = *loaded.config;
    EXPECT_EQ(config.instance_id, "web-7");
    EXPECT_EQ(config.commands.instance_id, "web-7");
    EXPECT_EQ(config.websocket.max_reconnection_attempts, -1);
    EXPECT_TRUE(config.websocket.headers.empty());
    EXPECT_TRUE(config.websocket.stateful_reconnect);
    EXPECT_EQ(config.websocket.proxy->authority(), "proxy:3128");
    EXPECT_EQ(config.commands.on_connection_lost, commands::OnConnectionLost::cancel);
    EXPECT_EQ(config.commands.acknowledge, commands::Acknowledge::received);
    EXPECT_EQ(config.commands.default_command, "echo");
    EXPECT_EQ(config.delivery.outbox.durability, delivery::Durability::power);
    EXPECT_EQ(config.delivery.outbox.max_age, 1h);
    EXPECT_TRUE(std::holds_alternative<monitor::ListenUnix>(config.monitoring.listen));
    EXPECT_EQ(config.logging.level, log::Level::debug);
    EXPECT_EQ(config.logging.target, log::Target::json);
    EXPECT_TRUE(config.commands.command_text);
    EXPECT_EQ(config.provenance.at("Outbox.MaxAgeHours"), "test.yaml:5");
}

}  // namespace
}  // namespace jiro::config
