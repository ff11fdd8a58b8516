// SPDX-License-Identifier: MIT
#include "jiro/base/environment.hpp"

#include <cstdlib>

namespace jiro {

std::optional<std::string> process_variable(std::string_view name) {
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace jiro
