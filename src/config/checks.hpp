// SPDX-License-Identifier: MIT
#pragma once
// What no key can tell alone: pairs of keys that contradict each other, and settings that are allowed but probably not
// meant.

#include <functional>

#include "config/node.hpp"

namespace jiro::config {

// `place_of` gives the place of a key, or of the file when the key is not set.
void check_together(const Config& config, const std::function<Place(std::string_view)>& place_of, Problems& problems,
                    std::vector<Warning>& warnings);

}  // namespace jiro::config
