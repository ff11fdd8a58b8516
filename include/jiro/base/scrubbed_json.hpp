// SPDX-License-Identifier: MIT
#pragma once
// JSON that is shown to people (a status, a bundle): each of its texts as the log would show it (base/log.hpp). Any
// thread.

#include <string>
#include <string_view>

#include "jiro/base/json_writer.hpp"

namespace jiro {

// What is no JSON is scrubbed as any text.
[[nodiscard]] std::string scrubbed_json(std::string_view text, JsonWriter::Layout layout);

}  // namespace jiro
