// SPDX-License-Identifier: MIT
// Any text is a configuration or a list of errors with a place, never neither and never both.
#include "check.hpp"
#include "jiro/config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto loaded = jiro::config::load_text(jiro::fuzz::text_of(data, size), "config.yaml", {});
    jiro::fuzz::check(loaded.config.has_value() == loaded.errors.empty(), "a configuration or errors");
    for (const auto& error : loaded.errors) {
        jiro::fuzz::check(!error.message.empty() && error.line >= 0, "an error says where and what");
    }
    return 0;
}
