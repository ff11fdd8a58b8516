// SPDX-License-Identifier: MIT
#include "jiro/config/print.hpp"

#include <gmock/gmock.h>

#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using test::load;
using testing::HasSubstr;
using testing::Not;

// Each value says where it comes from; secrets are masked wherever they may stand.
TEST(ConfigPrint, shows_provenance_and_masks_secrets) {
    const auto loaded = load(
        "ApiKey: canary-key\nWebSocket:\n  HubUrl: https://h/hub?access_token=canary-t\n  Proxy: http://u:canary-pw@p\n"
        "  Headers: { X-Tenant: canary-h, user-agent: y }\n"
        "Commands: { Exec: { a: { Program: [/a], Environment: { PGPASSWORD: canary-e } },\n"
        "  b: { Program: [/b, -H, 'Authorization: Bearer canary-b', --token=canary-o, --password, canary-p, -v, x, "
        "--password, '{p}', --password=, z], Parameters: { p: {} } },\n"
        "  c: { Program: 'curl -H \"X-Api-Key: canary-s\" https://u:canary-u@h/', Shell: true } } }\n",
        {{"JIRO_WEBSOCKET__ACCESSTOKEN", "canary-token"}, {"JIRO_GRPC__MAXRETRIES", "7"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    const std::string text = print_effective(*loaded.config);
    EXPECT_THAT(text, HasSubstr("ApiKey: '***'  # test.yaml:1\n"));
    EXPECT_THAT(text, HasSubstr("  AccessToken: '***'  # environment JIRO_WEBSOCKET__ACCESSTOKEN\n"));
    EXPECT_THAT(text, HasSubstr("\n  Tls:\n    CaFile: null  # default\n"));
    EXPECT_THAT(text, HasSubstr("\nGrpc:\n  ServerUrl: null  # default\n"));
    EXPECT_THAT(text, HasSubstr("  MaxRetries: 7  # environment JIRO_GRPC__MAXRETRIES\n"));
    EXPECT_THAT(text, HasSubstr("Headers: { X-Tenant: \"***\", user-agent: \"y\" }"));
    EXPECT_THAT(text, HasSubstr("PGPASSWORD: \"***\""));
    EXPECT_THAT(text, HasSubstr("Program: [/b, \"-H\", \"Authorization: ***\", \"--token=***\", \"--password\", "
                                "\"***\", \"-v\", x, \"--password\", "
                                "\"{p}\", \"--password=\", z]"));
    EXPECT_THAT(text, Not(HasSubstr("canary")));
}

// What the log masks goes with the key that holds it: also what is read is masked when the rest is refused.
TEST(ConfigPrint, secrets_go_with_their_keys) {
    const auto running = load("ApiKey: key-in-force\nWebSocket: { AccessToken: token-in-force }\n");
    const auto loaded = load("ApiKey: key-of-the-file\nWebSocket: { Headers: { Cookie: a-cookie } }\n");
    ASSERT_TRUE(running && loaded) << errors_of(running) << errors_of(loaded);
    EXPECT_EQ(all_secrets(*loaded.config), (std::vector{Secret("key-of-the-file"), Secret("a-cookie")}));
    EXPECT_EQ(all_secrets(with_keys(*running.config, *loaded.config, {"ApiKey"})),
              (std::vector{Secret("key-of-the-file"), Secret("token-in-force")}));
    EXPECT_EQ(all_secrets(in_force(*loaded.config, *running.config)), all_secrets(*loaded.config));

    std::string many = "Commands: 7\nWebSocket:\n  Headers:\n";
    for (int i = 100; i < 200; ++i) many += "    X-Key-" + std::to_string(i) + ": header-" + std::to_string(i) + "\n";
    EXPECT_FALSE(load(many));
    EXPECT_EQ(log::scrubbed("header-100 header-199"), "*** ***");
}

// What is printed is a configuration, and means the same.
TEST(ConfigPrint, printed_text_loads_to_the_same_values) {
    const auto first = load(R"(InstanceId: "null"
WebSocket: { HubUrl: "https://h:8443/a%20b", Headers: { User-Agent: "1: #\\ \"" }, Tls: { CaFile: "/etc/my ca.pem" } }
Grpc: { ServerUrl: "https://h" }
Commands:
  Default: "-"
  Exec:
    a.b: { Program: [/bin/echo, "{p}", "a: b", "#", ""], Parameters: { p: { Pattern: "[a-z]\\d", Enum: [yes, "no"], Required: false } }, Limits: { CpuSeconds: 5, OpenFiles: 9 }, TimeoutMs: 5 }
    "-": { Shell: true, Program: "echo \"$1\"\necho two" }
Outbox: { Path: ":memory:" }
Monitoring: { Listen: "[::1]:9470" }
)");
    ASSERT_TRUE(first) << errors_of(first);
    const std::string text = print_effective(*first.config);
    const auto second = load(text);
    ASSERT_TRUE(second) << errors_of(second) << text;
    EXPECT_THAT(changes(*first.config, *second.config), testing::IsEmpty()) << text;
    EXPECT_EQ(second.config->delivery.outbox.path, ":memory:");
    EXPECT_EQ(second.config->commands.exec.at(1).program.at(0), "echo \"$1\"\necho two");
}

// A reload can say what changed and what that takes, secrets included.
TEST(ConfigPrint, changes_name_the_keys_and_their_effect) {
    const auto before = load("ApiKey: key-one\nWebSocket: { HubUrl: \"https://h/?a=1\" }\n");
    const auto after = load(
        "ApiKey: key-two\nWebSocket: { HubUrl: \"https://h/?a=2\" }\nLogging: { Level: debug }\n"
        "Outbox: { Path: /x }\nGrpc: { ServerUrl: \"https://h\" }\nCommands: { Exec: { a: { Program: /bin/a } } }\n");
    std::string text;
    for (const KeyEffect& change : changes(*before.config, *after.config)) {
        text += std::string(change.path) + ": " + std::string(to_string(change.effect)) + '\n';
    }
    EXPECT_EQ(text,
              "ApiKey: at once\n"
              "WebSocket.HubUrl: the hub connection is opened anew\n"
              "Grpc.ServerUrl: the gRPC channel is opened anew\n"
              "Commands.Exec: at once\n"
              "Outbox.Path: needs a restart\n"
              "Logging.Level: at once\n");
}

}  // namespace
}  // namespace jiro::config
