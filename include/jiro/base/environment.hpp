// SPDX-License-Identifier: MIT
#pragma once
// The environment variables of a process as a value: read once, at the start, and handed to whoever looks one up
// (proxies, folders that systemd gives, JIRO_* keys). Pure but for process_environment().

#include <map>
#include <string>
#include <string_view>

namespace jiro {

using Environment = std::map<std::string, std::string, std::less<>>;  // name to value

// This process's own. Nobody changes it while threads run.
[[nodiscard]] Environment process_environment();

// The value of a variable; empty: it is not set, or to nothing.
[[nodiscard]] std::string variable_in(const Environment& environment, std::string_view name);

// The folder in a variable of systemd's, such as STATE_DIRECTORY: where it holds several, the first is ours.
[[nodiscard]] std::string systemd_folder(const Environment& environment, std::string_view name);

}  // namespace jiro
