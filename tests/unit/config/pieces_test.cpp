// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "jiro/config/load.hpp"
#include "jiro/config/print.hpp"
#include "support/temp_dir.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kTrue = "Program: [/bin/true]";
constexpr std::string_view kKey =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAQWG/K++fqZh1gWH7a8kyxTQqbQxY/BvU8CuZjgv8AyI=\n-----END PUBLIC "
    "KEY-----\n";

class ConfigPieces : public testing::Test {
  protected:
    ConfigPieces() {
        write("config.yaml", "InstanceId: one\n");
        std::filesystem::create_directory(directory_.path() / "config.d");
        std::filesystem::create_directory(directory_.path() / "commands.d");
    }

    std::string write(std::string_view name, std::string_view text) const {
        const auto file = directory_.write(name, text);
        chmod(file.c_str(), 0600);
        return file.string();
    }
    void command(std::string_view file, std::string_view name) const {
        write("commands.d/" + std::string(file), std::string(name) + ": { " + std::string(kTrue) + " }\n");
    }
    [[nodiscard]] std::string path(std::string_view name) const { return (directory_.path() / name).string(); }
    [[nodiscard]] LoadResult load(const Environment& environment = {}) const {
        return load_file(directory_.path() / "config.yaml", environment);
    }

    jiro::test::TempDir directory_;
};

std::vector<std::string> names_of(const Config& config) {
    std::vector<std::string> names;
    for (const auto& command : config.commands.exec) names.push_back(command.name);
    return names;
}

// What is passed over by its name's last letters alone was meant to be read.
TEST_F(ConfigPieces, a_name_that_is_nearly_one_is_a_warning) {
    command("good.yaml", "good");
    for (const char* name : {"b.yml", "a.YAML", "x.json", "old.yaml.bak", "README", ".hidden.yml", "y.yaml~"})
        write("commands.d/" + std::string(name), "not read\n");
    write("config.d/1.yml", "not read\n");
    std::filesystem::create_directory(directory_.path() / "keys");
    write("keys/one.pem", kKey);
    write("keys/two.PEM", kKey);
    write("config.yaml", "Commands: { Trust: { Keys: " + path("keys") + " } }\n");

    const auto loaded = load();

    ASSERT_TRUE(loaded);
    EXPECT_EQ(names_of(*loaded.config), std::vector<std::string>{"good"});
    std::vector<std::string> warnings;
    for (const auto& warning : loaded.config->warnings) warnings.push_back(warning.text);
    EXPECT_THAT(warnings,
                testing::IsSupersetOf(
                    {path("commands.d") + ": a.YAML, b.yml, x.json: not read, since only names that end in .yaml are",
                     path("config.d") + ": 1.yml: not read, since only names that end in .yaml are",
                     path("keys") + ": two.PEM: not read, since only names that end in .pem are"}));
}

// Keys of config.d and commands of commands.d belong to the file, each with the place that it really comes from.
TEST_F(ConfigPieces, belong_to_the_configuration) {
    write("config.yaml",
          "InstanceId: one\nWebSocket: { KeepAliveIntervalMs: 1000 }\nCommands:\n  Exec:\n    mine: { Program: "
          "[/bin/true] }\n");
    write("config.d/10-hub.yaml", "WebSocket:\n  HubUrl: https://hub.example/h\n");
    write("config.d/20-server.yaml", "{\"Grpc\": {\"ServerUrl\": \"https://hub.example\"}}");
    command("b.yaml", "second");
    command("a.yaml", "first");

    const auto loaded = load();

    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->websocket.hub_url->host(), "hub.example");
    EXPECT_EQ(loaded.config->websocket.keep_alive_interval, std::chrono::seconds(1));
    EXPECT_TRUE(loaded.config->delivery.grpc.server_url);
    EXPECT_EQ(loaded.config->provenance.at("WebSocket.HubUrl"), path("config.d/10-hub.yaml") + ":2");
    EXPECT_EQ(names_of(*loaded.config), (std::vector<std::string>{"mine", "first", "second"}));
    EXPECT_EQ(loaded.config->commands.exec.back().source, path("commands.d/b.yaml") + ":1");
    EXPECT_THAT(print_effective(*loaded.config), HasSubstr("second:  # " + path("commands.d/b.yaml") + ":1\n"));
    EXPECT_EQ(loaded.config->pieces.size(), 4);
}

// Without an Exec in the file, with an empty one, and with none at all; and the variable for it replaces them all.
TEST_F(ConfigPieces, add_commands_to_whatever_is_there) {
    command("a.yaml", "first");
    for (const std::string_view exec : {"", "Commands: { Exec: {} }\n", "Commands: { Exec: null }\n", "Commands:\n"}) {
        write("config.yaml", exec);
        const auto loaded = load();
        ASSERT_TRUE(loaded) << errors_of(loaded);
        EXPECT_EQ(names_of(*loaded.config), std::vector<std::string>{"first"}) << exec;
        const auto replaced = load({{"JIRO_COMMANDS__EXEC", "{}"}});
        ASSERT_TRUE(replaced) << errors_of(replaced);
        EXPECT_THAT(replaced.config->commands.exec, IsEmpty());
    }
    write("config.yaml", "Commands: { Exec: 5 }\n");
    EXPECT_THAT(errors_of(load()), HasSubstr("Commands.Exec: must be a map"));
}

// A key given twice is an error that names both places, wherever the two stand.
TEST_F(ConfigPieces, give_nothing_twice) {
    write("config.d/a.yaml", "Grpc:\n  TimeoutMs: 1000\nInstanceId: two\n");
    write("config.d/b.yaml", "grpc: { timeoutms: 2000 }\n");
    command("a.yaml", "disk");
    command("b.yaml", "disk");
    command("c.yaml", "ping");

    const std::string errors = errors_of(load());

    EXPECT_THAT(errors, HasSubstr(path("config.d/a.yaml") + ":3:1: InstanceId: is given twice, first in " +
                                  path("config.yaml") + ":1\n"));
    EXPECT_THAT(errors, HasSubstr(path("config.d/b.yaml") + ":1:9: Grpc.TimeoutMs: is given twice, first in " +
                                  path("config.d/a.yaml") + ":2\n"));
    EXPECT_THAT(errors, HasSubstr(path("commands.d/b.yaml") + ":1: Commands.Exec.disk: the name is taken (" +
                                  path("commands.d/a.yaml") + ":1)\n"));
    EXPECT_THAT(errors, HasSubstr(path("commands.d/c.yaml") + ":1: Commands.Exec.ping: the name is taken (built-in)"));
}

// The installed file has every key with its default: config.d may give each of them all the same.
TEST_F(ConfigPieces, go_with_the_installed_file) {
    std::filesystem::copy_file(JIRO_SOURCE_DIR "/config/config.yaml", path("config.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    write("config.d/a.yaml",
          "InstanceId: two\nWebSocket: { HubUrl: https://h.example/hub, Headers: { X-A: b } }\nCommands: { "
          "MaxConcurrent: "
          "3 }\n");
    command("a.yaml", "first");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->instance_id, "two");
    EXPECT_EQ(loaded.config->commands.max_concurrent, 3);
    EXPECT_EQ(names_of(*loaded.config), std::vector<std::string>{"first"});
}

// Bad files among good ones: each is named, with what is wrong with it, and nothing of the others is applied.
TEST_F(ConfigPieces, name_each_bad_file) {
    struct Row {
        std::string_view name;
        std::string_view problem;
        std::function<void(const std::string& file)> make;
    };
    const auto text = [](std::string content) {
        return [content = std::move(content)](const std::string& file) { std::ofstream(file) << content; };
    };
    const std::string outside = write("outside.yaml", "x: { Program: [/bin/true] }\n");
    const Row rows[] = {
        {"fifo.yaml", "is a named pipe, not a file", [](const auto& file) { mkfifo(file.c_str(), 0600); }},
        {"folder.yaml", "is a directory, not a file",
         [](const auto& file) { std::filesystem::create_directory(file); }},
        {"device.yaml", "is a link to /dev/null, out of this folder",
         [](const auto& file) { std::filesystem::create_symlink("/dev/null", file); }},
        {"out.yaml", "outside.yaml, out of this folder",
         [&](const auto& file) { std::filesystem::create_symlink(outside, file); }},
        {"relative.yaml", "outside.yaml, out of this folder",
         [](const auto& file) { std::filesystem::create_symlink("../outside.yaml", file); }},
        {"nowhere.yaml", "is a link to nowhere",
         [](const auto& file) { std::filesystem::create_symlink("missing", file); }},
        {"loop.yaml", "is a link to nowhere",
         [](const auto& file) { std::filesystem::create_symlink("loop.yaml", file); }},
        {"huge.yaml", "is larger than the limit", text("#" + std::string(kMaxFileBytes, 'x'))},
        {"binary.yaml", "a control character", text(std::string("a: \x01"))},
        {"list.yaml", "expected keys with values", text("- a\n- b\n")},
        {"syntax.yaml", "", text("a: { Program: [\n")},
        {"unknown.yaml", "unknown key", text("a: { Programm: [/bin/true] }\n")},
        {"section.yaml", "without Commands and Exec around them",
         text("Commands: { Exec: { a: { Program: [/bin/true] } } }\n")},
        {"program.yaml", "Program", text("a: { Program: [relative] }\n")},
    };
    for (const Row& row : rows) {
        command("a-good-one.yaml", "good");
        command("z-good-one.yaml", "fine");
        const std::string file = path("commands.d/" + std::string(row.name));
        row.make(file);
        const auto loaded = load();
        EXPECT_FALSE(loaded) << row.name;
        EXPECT_THAT(errors_of(loaded), AllOf(HasSubstr(file), HasSubstr(row.problem), Not(HasSubstr("good-one"))))
            << row.name;
        std::filesystem::remove_all(file);
    }
    EXPECT_TRUE(load()) << errors_of(load());
}

// Of other names nothing is read: what editors and package managers leave behind changes nothing. A link inside the
// folder is a file like any other.
TEST_F(ConfigPieces, are_yaml_files_only) {
    for (const std::string_view name :
         {".hidden.yaml", "a.yaml~", "a.yaml.dpkg-dist", "a.yaml.disabled", "README", "a.yml", ".yaml", "a.YAML"}) {
        write("commands.d/" + std::string(name), "this is: [not YAML");
    }
    std::filesystem::create_symlink("target", path("commands.d/link.yaml"));
    command("target", "linked");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(names_of(*loaded.config), std::vector<std::string>{"linked"});
}

// Kubernetes puts a folder of files in the place of another by links: they stay below the folder.
TEST_F(ConfigPieces, may_be_links_to_below) {
    for (const char* folder : {"config.d", "commands.d"}) {
        std::filesystem::create_directory(path(folder + std::string("/..2026_12_01")));
        std::filesystem::create_directory_symlink("..2026_12_01", path(folder + std::string("/..data")));
        std::filesystem::create_symlink("..data/x.yaml", path(folder + std::string("/x.yaml")));
    }
    write("config.d/..2026_12_01/x.yaml", "Grpc: { MaxRetries: 7 }\n");
    command("..2026_12_01/x.yaml", "linked");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->delivery.grpc.max_retries, 7);
    EXPECT_EQ(names_of(*loaded.config), std::vector<std::string>{"linked"});
    EXPECT_EQ(loaded.config->commands.exec.at(0).source, path("commands.d/x.yaml") + ":1");
    // A folder whose name begins like this one's is another.
    std::filesystem::create_directory(path("commands.d2"));
    command("../commands.d2/y.yaml", "other");
    std::filesystem::create_symlink("../commands.d2/y.yaml", path("commands.d/y.yaml"));
    EXPECT_THAT(errors_of(load()), HasSubstr("commands.d2/y.yaml, out of this folder"));
}

// The keys of signers are taken from such a folder: whoever may write to a folder on the way to one may put another in
// its place, by its link or by a link on the way.
TEST_F(ConfigPieces, are_reached_through_folders_of_their_owner) {
    using Links = std::vector<std::pair<std::string, std::string>>;  // of the folder, and where they lead
    struct Row {
        std::string_view name;
        Links links;
        std::string_view problem;  // of a.pem
    };
    constexpr std::string_view kOpen = "others than its owner may write it or, behind a link, its folder";
    constexpr std::string_view kOut = "out of this folder";
    const Row rows[] = {
        {"as Kubernetes has them", {{"..data", "..now"}, {"a.pem", "..data/k"}}, ""},
        {"up and down again", {{"real/x", "../..now/k"}, {"a.pem", "real/x"}}, ""},
        {"by its whole path", {{"a.pem", path("keys/real/k")}}, ""},
        {"by a path of links alone", {{"a.pem", path("spelled/real/k")}}, ""},
        {"its folder", {{"a.pem", "drop/k"}}, kOpen},
        {"the folder of an inner link", {{"drop/x", "../real/k"}, {"a.pem", "drop/x"}}, kOpen},
        {"a folder on the way only", {{"a.pem", "drop/../real/k"}}, kOpen},
        {"a link to a folder, in such a folder", {{"drop/now", "../..now"}, {"a.pem", "drop/now/k"}}, kOpen},
        {"out and back", {{"../y", path("keys/real/k")}, {"a.pem", "../y"}}, kOut},
        {"out and back by a whole path", {{"../y", "keys/real/k"}, {"a.pem", path("y")}}, kOut},
        {"out and back in one step", {{"a.pem", "../keys/real/k"}}, kOut},
        {"out behind a dot", {{"a.pem", "./../keys/real/k"}}, kOut},
        {"out by an inner link", {{"real/out", "../.."}, {"a.pem", "real/out/keys/real/k"}}, kOut},
        {"a loop", {{"real/x", "../..now/x"}, {"..now/x", "../real/x"}, {"a.pem", "real/x"}}, "a link to nowhere"},
    };
    write("config.yaml", "InstanceId: one\nCommands: { Trust: { Keys: " + path("spelled") + " } }\n");
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        for (const char* folder : {"keys", "keys/real", "keys/..now", "keys/drop"}) {
            std::filesystem::create_directory(path(folder));
            chmod(path(folder).c_str(), std::string_view(folder) == "keys/drop" ? 0777 : 0755);
        }
        std::filesystem::create_directory_symlink("keys", path("spelled"));
        for (const char* key : {"keys/real/k", "keys/..now/k", "keys/drop/k"}) write(key, kKey);
        for (const auto& [link, target] : row.links) std::filesystem::create_symlink(target, path("keys/" + link));
        const auto loaded = load();
        EXPECT_EQ(static_cast<bool>(loaded), row.problem.empty());
        EXPECT_THAT(errors_of(loaded), HasSubstr(row.problem));
        for (const char* made : {"keys", "spelled", "y"}) std::filesystem::remove_all(path(made));
    }
}

// A thousand files are a configuration; more are refused before they are read, and so is what they hold together.
TEST_F(ConfigPieces, are_bounded) {
    for (int i = 0; i < 1000; ++i) command(std::to_string(i) + ".yaml", "c" + std::to_string(i));
    const auto loaded = load();
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_EQ(loaded.config->commands.exec.size(), 1000);
    for (int i = 1000; i < 1025; ++i) command(std::to_string(i) + ".yaml", "c" + std::to_string(i));
    EXPECT_EQ(errors_of(load()),
              path("commands.d") + ": holds more than 1024 files, or than 16384 entries of any kind\n");

    std::filesystem::remove_all(path("commands.d"));
    std::filesystem::create_directory(path("commands.d"));
    for (int i = 0; i < 5; ++i) write("commands.d/" + std::to_string(i) + ".yaml", "#" + std::string(900'000, 'x'));
    EXPECT_EQ(errors_of(load()), path("commands.d") + ": holds files of more than 4194304 bytes together\n");
}

// A file in the folder's place is named; no folder is no piece.
TEST_F(ConfigPieces, need_no_folder) {
    std::filesystem::remove_all(path("config.d"));
    EXPECT_TRUE(load()) << errors_of(load());
    write("config.d", "");
    EXPECT_THAT(errors_of(load()), HasSubstr(path("config.d") + ": cannot be read: Not a directory"));
}

// A link to nowhere (its mount is away) is a folder that cannot be read: what it says is not forgotten without a word.
TEST_F(ConfigPieces, are_missed_when_the_folder_is_a_link_to_nowhere) {
    for (const char* folder : {"config.d", "commands.d"}) {
        std::filesystem::rename(path(folder), path("elsewhere"));
        std::filesystem::create_directory_symlink(path("elsewhere"), path(folder));
        EXPECT_TRUE(load()) << errors_of(load());
        std::filesystem::rename(path("elsewhere"), path("away"));
        EXPECT_THAT(errors_of(load()), HasSubstr(path(folder) + ": cannot be read: No such file or directory"));
        std::filesystem::rename(path("away"), path("elsewhere"));
        std::filesystem::remove(path(folder));
        std::filesystem::rename(path("elsewhere"), path(folder));
    }
}

// A secret in a piece that every user can read is warned about, at its place.
TEST_F(ConfigPieces, with_secrets_are_for_few) {
    chmod(write("config.d/a.yaml", "ApiKey: secret\n").c_str(), 0644);
    chmod(write("commands.d/a.yaml", "a: { Program: [/bin/true], Environment: { PASSWORD: secret } }\n").c_str(), 0644);
    write("commands.d/b.yaml", "b: { Program: [/bin/true], Environment: { PASSWORD: secret } }\n");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << errors_of(loaded);
    std::string warnings;
    for (const auto& warning : loaded.config->warnings) warnings += warning.text + '\n';
    EXPECT_THAT(warnings, AllOf(HasSubstr(path("config.d/a.yaml") + ":1: ApiKey: is in a file that every user"),
                                HasSubstr("Commands.Exec.a.Environment: is in a file that every user"),
                                Not(HasSubstr("Commands.Exec.b")), Not(HasSubstr("secret\n"))));
}

}  // namespace
}  // namespace jiro::config
