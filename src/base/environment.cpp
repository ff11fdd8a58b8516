// SPDX-License-Identifier: MIT
#include "jiro/base/environment.hpp"

#include <unistd.h>

namespace jiro {

Environment process_environment() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

std::string variable_in(const Environment& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
}

std::string systemd_folder(const Environment& environment, std::string_view name) {
    const std::string folders = variable_in(environment, name);
    return folders.substr(0, folders.find(':'));
}

}  // namespace jiro
