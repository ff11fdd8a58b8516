// SPDX-License-Identifier: MIT
#pragma once
// Loads a text and puts what is wrong with it into one string.

#include <string>

#include "jiro/config/load.hpp"

namespace jiro::config::test {

inline LoadResult load(std::string_view text, const Environment& environment = {}) {
    return load_text(text, "test.yaml", environment);
}

inline std::string errors_of(const LoadResult& result) {
    std::string text;
    for (const ConfigError& error : result.errors) text += to_string(error) + '\n';
    return text;
}

inline std::string errors_of(std::string_view text, const Environment& environment = {}) {
    return errors_of(load(text, environment));
}

inline std::string warnings_of(std::string_view text, const Environment& environment = {}) {
    const LoadResult result = load(text, environment);
    std::string warnings = errors_of(result);
    if (result) {
        for (const Warning& warning : result.config->warnings) warnings += warning.text + '\n';
    }
    return warnings;
}

}  // namespace jiro::config::test
