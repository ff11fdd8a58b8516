// SPDX-License-Identifier: MIT
#pragma once
// The C# client's configuration in our terms: what each of its keys became, and a file of ours that says the same.
// Pure.

#include <string>

#include "jiro/config/config.hpp"

namespace jiro::config {

// One line a key of theirs that is one of ours: "JiroCloud.ApiKey -> ApiKey". Empty: there was none.
[[nodiscard]] std::string foreign_mapping(const Config& config);

enum class Secrets { left_out, written };

// Our YAML with every key that the configuration gave, in the order of the documentation. A secret that is left out has
// a comment that says where it belongs.
[[nodiscard]] std::string as_our_yaml(const Config& config, Secrets secrets);

}  // namespace jiro::config
