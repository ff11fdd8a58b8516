// SPDX-License-Identifier: MIT
#include "config/checks.hpp"

#include <gmock/gmock.h>

#include "support/temp_dir.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using test::warnings_of;
using testing::HasSubstr;

constexpr std::string_view kBoth = "Grpc: { ServerUrl: \"https://h\" }\n";

// Keys that contradict each other are errors.
TEST(ConfigChecks, refuses_contradictions) {
    struct Row {
        std::string_view name;
        std::string_view text;
        std::string_view error;
    };
    const Row rows[] = {
        {"token twice", "WebSocket: { AccessToken: abcdef, AccessTokenFile: /t }",
         "test.yaml:1:35: WebSocket.AccessTokenFile: AccessToken is given too; give one of them\n"},
        {"key twice", "ApiKey: abcdef\nApiKeyFile: /t",
         "test.yaml:2:1: ApiKeyFile: ApiKey is given too; give one of them\n"},
        {"private key alone", "WebSocket: { Tls: { PrivateKeyFile: /k } }",
         "test.yaml:1:21: WebSocket.Tls.PrivateKeyFile: is given without CertificateFile; give both or none\n"},
        {"programs for everybody on the way",
         "WebSocket: { HubUrl: \"http://hub.example/\" }\nCommands: { Exec: { a: { Program: [/a] } } }",
         "test.yaml:1:14: WebSocket.HubUrl: is not encrypted: others could run the programs of Commands.Exec; use "
         "https, or AllowInsecure: true if they cannot be on the way\n"},
        {"a user of the hub", "WebSocket: { HubUrl: \"https://user:canary@hub.example/\" }",
         "test.yaml:1:14: WebSocket.HubUrl: has a user or password, which would not be sent\n"},
        {"a fragment", "Grpc: { ServerUrl: \"https://hub.example#a\" }",
         "test.yaml:1:20: Grpc.ServerUrl: has a fragment (#...), which is never sent\n"},
        {"certificate alone", "Grpc: { Tls: { CertificateFile: /k } }",
         "test.yaml:1:16: Grpc.Tls.CertificateFile: is given without PrivateKeyFile; give both or none\n"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(errors_of(row.text), row.error);
    }
}

// What is allowed and probably not meant is a warning.
TEST(ConfigChecks, warns_of_what_is_probably_not_meant) {
    struct Row {
        std::string_view name;
        std::string_view text;
        std::string_view warning;
    };
    const Row rows[] = {
        {"defaults", "", ""},
        {"server timeout", "WebSocket: { KeepAliveIntervalMs: 20000 }",
         "WebSocket.ServerTimeoutMs: is less than twice"},
        {"plain http", "WebSocket: { HubUrl: \"http://hub.example/\" }", "WebSocket.HubUrl: is not encrypted"},
        {"plain http, allowed",
         "AllowInsecure: true\nWebSocket: { HubUrl: \"ws://hub.example/\" }\nCommands: { Exec: { a: { Program: [/a] } "
         "} }",
         "WebSocket.HubUrl: is not encrypted"},
        {"plain gRPC", "Grpc: { ServerUrl: \"http://hub.example\" }", "Grpc.ServerUrl: is not encrypted"},
        {"a path for gRPC", "Grpc: { ServerUrl: \"https://hub.example/results\" }",
         "Grpc.ServerUrl: has a path or query"},
        {"no gRPC server", "WebSocket: { HubUrl: \"https://h/\" }",
         "test.yaml: Grpc.ServerUrl: is not set: results stay"},
        {"no hub", kBoth, "WebSocket.HubUrl: is not set: no commands"},
        {"not verified", "WebSocket: { Tls: { Verify: false } }", "any server is believed"},
        {"open endpoint", "Monitoring: { Listen: 0.0.0.0:9470 }", "is reachable from other machines"},
        {"a variable in a key", "ApiKey: \"${TOKEN}\"", "ApiKey: has \"${\", which is sent as it stands"},
        {"a variable in a token", "WebSocket: { AccessToken: \"a${TOKEN}\" }",
         "no variable is looked up here; give WebSocket.AccessTokenFile"},
        {"cap below delay", "Grpc: { RetryDelayMs: 50000 }", "Grpc.MaxRetryDelayMs: is less than RetryDelayMs"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(warnings_of(row.text), HasSubstr(std::string(row.warning)));
        if (row.warning.empty()) {
            EXPECT_EQ(warnings_of(row.text), "");
        }
    }
}

// On the loopback interface nobody listens: no warning.
TEST(ConfigChecks, plain_text_on_loopback_is_no_matter) {
    EXPECT_EQ(warnings_of("WebSocket: { HubUrl: \"http://127.0.0.1:5000/hub\", AccessToken: abcdef }\n"
                          "Grpc: { ServerUrl: \"http://[::1]:5001\" }"),
              "");
}

// A secret in a file that everybody can read is warned about; one from the environment is not the file's fault.
TEST(ConfigChecks, warns_of_a_secret_in_a_readable_file) {
    const jiro::test::TempDir directory;
    const auto file = directory.write("c.yaml", "ApiKey: abcdefgh\n");
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    ASSERT_EQ(load_file(file, {}).config->warnings.size(), 1U);
    EXPECT_EQ(load_file(file, {{"JIRO_APIKEY", "other-key"}}).config->warnings.size(), 0U);
    std::filesystem::permissions(file, std::filesystem::perms(0640));
    EXPECT_EQ(load_file(file, {}).config->warnings.size(), 0U);
    for (const char* text :
         {"WebSocket: { Proxy: \"http://user:pass@p\" }", "WebSocket: { Headers: { X-Tenant: abc } }",
          "Commands: { RunAs: unit, UnitSocket: /dev/null,\n"
          "            Exec: { a: { Program: [/a], Environment: { PGPASSWORD: abc } } } }"}) {
        const auto other = directory.write("other.yaml", text);
        std::filesystem::permissions(other, std::filesystem::perms(0644));
        EXPECT_EQ(load_file(other, {}).config->warnings.size(), 1U) << text;
    }
}

}  // namespace
}  // namespace jiro::config
