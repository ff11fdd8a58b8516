// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "config/schema.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;

const std::filesystem::path kRoot = JIRO_SOURCE_DIR;

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

template <typename T>
std::string table(std::span<const Key<T>> keys, std::string_view section) {
    std::string out = "| Key | Type | Default | Description |\n|---|---|---|---|\n";
    for (const Key<T>& key : keys) {
        const auto dot = key.path.find('.');
        if (!section.empty() && key.path.substr(0, dot == std::string_view::npos ? 0 : dot) != section) continue;
        std::string type = key.kind.type;
        if (!key.kind.allowed.empty()) type += ", " + key.kind.allowed;
        out += "| `" + std::string(key.path) + "` | " + cell(type) + " | `" + cell(key.show(T(), Reveal::masked)) +
               "` | " + cell(key.description);
        if (key.effect != Effect::in_place) out += " *Change: " + std::string(to_string(key.effect)) + ".*";
        out += " |\n";
    }
    return out;
}

std::string top_level_table() {
    std::vector<Key<Config>> keys;
    for (const Key<Config>& key : schema()) {
        if (key.path.find('.') == std::string_view::npos) keys.push_back(key);
    }
    return table<Config>(keys, "");
}

// The tables of docs/configuration.md, as Markdown.
std::string reference_tables() {
    std::string out = "### Top level\n\n" + top_level_table();
    std::vector<std::string_view> sections;
    for (const Key<Config>& key : schema()) {
        const auto dot = key.path.find('.');
        const auto section = key.path.substr(0, dot);
        if (dot == std::string_view::npos || std::ranges::find(sections, section) != sections.end()) continue;
        sections.push_back(section);
        out += "\n### " + std::string(section) + "\n\n" + table<Config>(schema(), section);
    }
    out += "\n### One definition in `Commands.Exec`\n\n" + table<commands::ExecCommand>(exec_schema(), "");
    out += "\n### One entry of its `Parameters`\n\n" + table<commands::ExecParameter>(exec_parameter_schema(), "");
    return out;
}

// docs/configuration.md has every key with its default and its description. UPDATE_DOCS=1 writes the tables anew.
TEST(ConfigDocumentation, reference_is_what_the_program_does) {
    constexpr std::string_view kBegin = "do not edit) -->\n";
    constexpr std::string_view kEnd = "<!-- keys: end -->";
    const auto page = kRoot / "docs/configuration.md";
    std::string text = read(page);
    const auto begin = text.find(kBegin);
    const auto end = text.find(kEnd);
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    const std::string expected = '\n' + reference_tables() + '\n';
    const auto start = begin + kBegin.size();
    if (std::getenv("UPDATE_DOCS") != nullptr) {
        text.replace(start, end - start, expected);
        std::ofstream(page, std::ios::binary) << text;
        return;
    }
    EXPECT_EQ(text.substr(start, end - start), expected) << "run config_test with UPDATE_DOCS=1";
}

// The installed file shows every key, and changes nothing.
TEST(ConfigDocumentation, installed_file_has_every_key_with_its_default) {
    const auto loaded = load_text(read(kRoot / "config/config.yaml"), "config.yaml", {});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    for (const KeyEffect& change : changes(Config(), *loaded.config))
        ADD_FAILURE() << change.path << " is not the default";
    for (const auto& key : schema()) EXPECT_TRUE(loaded.config->provenance.contains(key.path)) << key.path;
    EXPECT_TRUE(loaded.config->warnings.empty());
}

// The examples of the installed file are valid as they stand, without their `#`, in the place of the empty map.
TEST(ConfigDocumentation, installed_examples_are_valid) {
    std::istringstream file(read(kRoot / "config/config.yaml"));
    std::string text = "Commands:\n";
    bool is_example = false;
    for (std::string line; std::getline(file, line);) {
        is_example = line == "  # Exec:" || (is_example && line.starts_with("  #"));
        if (is_example) text += "  " + line.substr(4) + '\n';
    }
    const auto loaded = load_text(text, "config.yaml", {});
    ASSERT_TRUE(loaded) << errors_of(loaded) << text;
    EXPECT_EQ(loaded.config->commands.exec.size(), 3U);
}

// The quickstart's file is valid, warns of nothing, and is overridden by what the script exports.
TEST(ConfigDocumentation, quickstart_file_is_valid) {
    const auto loaded = load_text(read(kRoot / "config/quickstart.yaml"), "quickstart.yaml",
                                  {{"JIRO_WEBSOCKET__HUBURL", "http://127.0.0.1:43210/instanceHub"},
                                   {"JIRO_GRPC__SERVERURL", "http://127.0.0.1:43211"},
                                   {"JIRO_OUTBOX__PATH", "/somewhere/outbox.db"},
                                   {"JIRO_MONITORING__LISTEN", "unix:/somewhere/status.sock"}});
    ASSERT_TRUE(loaded) << errors_of(loaded);
    EXPECT_TRUE(loaded.config->warnings.empty());
    EXPECT_EQ(loaded.config->websocket.hub_url->port(), 43210);
}

// Each key stands in the table once and is described.
TEST(ConfigDocumentation, schema_is_complete) {
    std::set<std::string_view> paths;
    for (const auto& key : schema()) {
        EXPECT_TRUE(paths.insert(key.path).second) << key.path;
        EXPECT_FALSE(key.description.empty()) << key.path;
        EXPECT_TRUE(key.read && key.show && key.copy) << key.path;
    }
}

}  // namespace
}  // namespace jiro::config
