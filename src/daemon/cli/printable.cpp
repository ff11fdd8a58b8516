// SPDX-License-Identifier: MIT
#include "daemon/cli/printable.hpp"

#include <array>
#include <cstdio>

namespace jiro::daemon::cli {

std::string printable(std::string_view text) {
    std::string out;
    const auto escape = [&out](unsigned char byte) {
        std::array<char, 8> code{};
        std::snprintf(code.data(), code.size(), "\\x%02x", byte);
        out += code.data();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool is_c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (byte < 0x20 || byte == 0x7F) {
            escape(byte);
        } else if (is_c1) {
            escape(static_cast<unsigned char>(text[++i]));
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string about(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
    if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " h";
    return std::to_string(seconds / 86400) + " days";
}

}  // namespace jiro::daemon::cli
