// SPDX-License-Identifier: MIT
#pragma once
// What every target needs: its input as text, and an end that the fuzzer notices and names.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace jiro::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline void check(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

}  // namespace jiro::fuzz
