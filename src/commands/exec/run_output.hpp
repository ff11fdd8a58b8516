// SPDX-License-Identifier: MIT
#pragma once
// What a program's run has printed so far. The coroutine that reads the program's streams appends to it; meanwhile, and
// for a while after its end, others may look. Event loop only while it runs; then nobody changes it any more.

#include <cstdint>
#include <optional>
#include <string>

#include "commands/exec/output_capture.hpp"

namespace jiro::commands {

struct RunOutput {
    explicit RunOutput(std::size_t limit) : output(limit) {}

    static constexpr std::size_t kErrorBytes = 16384;

    OutputCapture output;
    OutputCapture error_output{kErrorBytes};
    std::string user;              // as whom the program runs
    std::optional<int> exit_code;  // below zero: the signal that ended it

    [[nodiscard]] std::uint64_t total_bytes() const noexcept {
        return output.total_bytes() + error_output.total_bytes();
    }
    [[nodiscard]] std::size_t kept_bytes() const noexcept { return output.kept_bytes() + error_output.kept_bytes(); }
};

}  // namespace jiro::commands
