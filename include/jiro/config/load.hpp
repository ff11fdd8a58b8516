// SPDX-License-Identifier: MIT
#pragma once
// From text to Config. Whatever the text is, the answer is a Config or the list of everything that is wrong with it;
// nothing throws but lack of memory. Called by the command line at the start and by the reload, on any thread; reads
// files.
//
//     auto loaded = config::load_file(path, process_environment());
//     if (!loaded) for (const auto& error : loaded.errors) std::cerr << to_string(error) << '\n';   // exit code 78

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/environment.hpp"
#include "jiro/config/config.hpp"

namespace jiro::config {

struct ConfigError {
    std::string file;      // or "environment JIRO_X"
    int line = 0;          // from 1; 0: the error has no place in a file
    int column = 0;        // from 1; 0: it is not known
    std::string key_path;  // empty: the error concerns the whole file
    std::string message;   // what is wrong, what is allowed, "did you mean 'X'?"; never contains a secret
};

// "config.yaml:3:5: WebSocket.HubUrl: ...", on one line: keys and values of the file are in it, escaped.
[[nodiscard]] std::string to_string(const ConfigError& error);

struct LoadResult {
    std::optional<Config> config;     // when there are no errors
    std::vector<ConfigError> errors;  // by place: the file's from top to bottom, then the environment's

    explicit operator bool() const noexcept { return config.has_value(); }
};

inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;

// Beside the file: more of its keys, and definitions of commands as in Commands.Exec. All their *.yaml files count, in
// the order of their names; all instances whose files lie in one folder have them.
inline constexpr const char* kKeysFolder = "config.d";
inline constexpr const char* kCommandsFolder = "commands.d";

// Keys that the hub has set (hub_keys.hpp): they lie over the files' and under the environment's. Any other key in it
// is an error.
struct Overlay {
    std::string text;
    std::string name;  // of its file, for messages; empty: there is no overlay
};

// The file and those of the two folders, with the environment's JIRO_* variables on top. A key that is given twice is
// an error, unless the file gives it its default; one error anywhere, and there is no configuration.
[[nodiscard]] LoadResult load_file(const std::filesystem::path& path, const Environment& environment,
                                   const Overlay& overlay = {});

// The same for a text that is already here; `name` stands for the file in messages.
[[nodiscard]] LoadResult load_text(std::string_view text, const std::string& name, const Environment& environment,
                                   const Overlay& overlay = {});

}  // namespace jiro::config
