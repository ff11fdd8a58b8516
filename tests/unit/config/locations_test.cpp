// SPDX-License-Identifier: MIT
#include "jiro/config/locations.hpp"

#include <gtest/gtest.h>

#include <set>

#include "jiro/config/load.hpp"
#include "support/temp_dir.hpp"

namespace jiro::config {
namespace {

const Environment kService{{"STATE_DIRECTORY", "/s"}};

// What is refused as the place of a key, one a line: "Key: message".
std::string refusals(const std::string& text, const Environment& environment = kService) {
    std::string all;
    for (const auto& error : load_text(text, "test.yaml", environment).errors)
        all += error.key_path + ": " + error.message + '\n';
    return all;
}

// Whatever is written to is no file of another key's, however it is spelled and whether or not that key is given.
TEST(Locations, no_key_names_a_file_of_another) {
    struct Row {
        std::string_view name;
        std::string text;
        std::string refusal;
    };
    const Row rows[] = {
        {"redo log in place of the outbox", "Outbox: { Path: /o/outbox.db, RedoLog: /o/x/../outbox.db }",
         "Outbox.RedoLog: /o/outbox.db is a file of Outbox.Path, /o/outbox.db; name another\n"},
        {"redo log in place of the WAL", "Outbox: { Path: /o/outbox.db, RedoLog: /o/outbox.db-wal }",
         "Outbox.RedoLog: /o/outbox.db-wal is a file of Outbox.Path, /o/outbox.db; name another\n"},
        {"audit in place of the outbox", "Outbox: { Path: /o/outbox.db }\nLogging: { Audit: //o/./outbox.db }",
         "Logging.Audit: /o/outbox.db is a file of Outbox.Path, /o/outbox.db; name another\n"},
        {"audit in place of the unnamed outbox", "Logging: { Audit: \"${STATE_DIRECTORY}/outbox.db\" }",
         "Logging.Audit: /s/outbox.db is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"audit in place of the ring", "Logging: { Audit: /s/outbox.db.kept }",
         "Logging.Audit: /s/outbox.db.kept is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"audit in place of the pause", "Logging: { Audit: /s/outbox.pause.json }",
         "Logging.Audit: /s/outbox.pause.json is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"conversations in place of the hub's keys", "Chat: { Path: /s/hub-settings.json }",
         "Chat.Path: /s/hub-settings.json is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"audit in place of the hub's keys of another outbox",
         "Outbox: { Path: /s/b.db }\nLogging: { Audit: /s/b.db.hub-settings.json.new }",
         "Logging.Audit: /s/b.db.hub-settings.json.new is a file of Outbox.Path, /s/b.db; name another\n"},
        {"token in place of the pause", "WebSocket: { AccessTokenFile: /s/outbox.pause.json }",
         "Outbox.Path: /s/outbox.db is a file of WebSocket.AccessTokenFile, /s/outbox.pause.json; name another\n"},
        {"audit in place of the redo log", "Outbox: { RedoLog: /r/redo.log }\nLogging: { Audit: /r/redo.log }",
         "Logging.Audit: /r/redo.log is a file of Outbox.RedoLog, /r/redo.log; name another\n"},
        {"audit's full file in place of the redo log",
         "Outbox: { RedoLog: /r/redo.log.1 }\nLogging: { Audit: /r/redo.log }",
         "Logging.Audit: /r/redo.log is a file of Outbox.RedoLog, /r/redo.log.1; name another\n"},
        {"conversations in place of the lock", "Chat: { Path: /s/outbox.db.lock }",
         "Chat.Path: /s/outbox.db.lock is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"outbox in place of the conversations", "Outbox: { Path: /o/sessions.db }\nChat: { Model: a }",
         "Chat.Path: /o/sessions.db is a file of Outbox.Path, /o/sessions.db; name another\n"},
        {"audit in place of the conversations", "Logging: { Audit: /s/sessions.db-wal }\nChat: { Model: a }",
         "Logging.Audit: /s/sessions.db-wal is a file of Chat.Path, /s/sessions.db; name another\n"},
        {"socket in place of the journal", "Monitoring: { Listen: \"unix:/s/outbox.db-journal\" }",
         "Monitoring.Listen: /s/outbox.db-journal is a file of Outbox.Path, /s/outbox.db; name another\n"},
        {"redo log in place of the token", "WebSocket: { AccessTokenFile: /e/token }\nOutbox: { RedoLog: /e/token }",
         "Outbox.RedoLog: /e/token is a file of WebSocket.AccessTokenFile, /e/token; name another\n"},
        {"conversations in place of a certificate", "Chat: { Model: a, Path: /e/ca.pem, Tls: { CaFile: /e/ca.pem } }",
         "Chat.Path: /e/ca.pem is a file of Chat.Tls.CaFile, /e/ca.pem; name another\n"},
        {"audit's full file in place of a key",
         "Chat: { ApiKeyFile: /e/audit.log.1 }\nLogging: { Audit: /e/audit.log }",
         "Logging.Audit: /e/audit.log is a file of Chat.ApiKeyFile, /e/audit.log.1; name another\n"},
        {"all beside each other",
         "Outbox: { RedoLog: /s/redo.log }\nLogging: { Audit: /s/audit.log }\nChat: { Model: a }\n"
         "Monitoring: { Listen: \"unix:/s/status.sock\" }",
         ""},
        {"in memory", "Outbox: { Path: \":memory:\" }\nLogging: { Audit: off }", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(refusals(row.text), row.refusal);
    }
}

TEST(Locations, the_configuration_is_not_written_to) {
    const auto loaded = load_text("Outbox: { RedoLog: /e/x/../one.yaml }", "/e/one.yaml", kService);
    ASSERT_EQ(loaded.errors.size(), 1U);
    EXPECT_EQ(loaded.errors[0].message, "/e/one.yaml is a file of the configuration, /e/one.yaml; name another");
}

// `check-config` on a terminal does not know systemd's folder, and says the same all the same.
TEST(Locations, a_folder_that_only_the_service_knows_is_the_same_folder) {
    EXPECT_EQ(refusals("Logging: { Audit: \"${STATE_DIRECTORY}/outbox.db-wal\" }", {}),
              "Logging.Audit: ${STATE_DIRECTORY}/outbox.db-wal is a file of Outbox.Path, ${STATE_DIRECTORY}/outbox.db; "
              "name another\n");
    const auto in_etc = load_text("Logging: { Audit: /var/lib/jiro/two/outbox.db }", "/etc/jiro/two.yaml", {});
    ASSERT_FALSE(in_etc);
    EXPECT_EQ(in_etc.errors.front().key_path, "Logging.Audit");
}

// Two daemons may have their outboxes in one folder: no name of one is a name of the other.
TEST(Locations, files_beside_the_outbox_have_its_name) {
    EXPECT_EQ(find_hub_settings_path("/s/outbox.db"), "/s/hub-settings.json");
    EXPECT_EQ(find_hub_settings_path("/s/b.db"), "/s/b.db.hub-settings.json");
    EXPECT_EQ(find_hub_settings_path("/s/hub-settings.json"), "/s/hub-settings.json.hub-settings.json");
    EXPECT_EQ(find_pause_path("/s/outbox.db"), "/s/outbox.pause.json");
    EXPECT_EQ(find_pause_path("/s/b.db"), "/s/b.pause.json");
    std::set<std::filesystem::path> all;
    const auto outboxes = {"/s/outbox.db", "/s/outbox", "/s/x.db",  "/s/x.sqlite",
                           "/s/x",         "/s/q.one",  "/s/q.two", "/s/.db"};
    for (const char* outbox : outboxes) {
        all.insert(find_hub_settings_path(outbox));
        all.insert(find_pause_path(outbox));
    }
    EXPECT_EQ(all.size(), 2 * outboxes.size());
    for (const char* none : {"", ":memory:"}) {
        EXPECT_EQ(find_hub_settings_path(none), "");
        EXPECT_EQ(find_pause_path(none), "");
    }
}

TEST(Locations, a_link_is_followed) {
    const jiro::test::TempDir folder;
    std::filesystem::create_directory(folder.path() / "state");
    std::filesystem::create_directory_symlink("state", folder.path() / "link");
    const auto at = [&folder](const char* name) { return (folder.path() / name).string(); };
    const auto text =
        "Outbox: { Path: " + at("state/outbox.db") + " }\nLogging: { Audit: " + at("link/outbox.db") + " }";
    EXPECT_EQ(refusals(text), "Logging.Audit: " + at("state/outbox.db") + " is a file of Outbox.Path, " +
                                  at("state/outbox.db") + "; name another\n");
}

}  // namespace
}  // namespace jiro::config
