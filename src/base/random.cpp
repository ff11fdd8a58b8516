// SPDX-License-Identifier: MIT
#include "jiro/base/random.hpp"

#include <sys/random.h>

#include <array>
#include <limits>
#include <stdexcept>

namespace jiro {

namespace {

std::mt19937_64 seeded_engine() {
    std::array<std::uint32_t, 16> words{};
    if (getrandom(words.data(), sizeof words, 0) != static_cast<ssize_t>(sizeof words)) {
        throw std::runtime_error("getrandom gave no entropy");
    }
    std::seed_seq seed(words.begin(), words.end());
    return std::mt19937_64(seed);
}

}  // namespace

SystemRandom::SystemRandom() : engine_(seeded_engine()) {}

Duration RandomSource::between(Duration low, Duration high) {
    if (high <= low) return low;
    const auto span = static_cast<std::uint64_t>((high - low).count());
    // The modulo's bias is below 2^-20 for any delay shorter than five hours in nanoseconds.
    const auto offset = span == std::numeric_limits<std::uint64_t>::max() ? next() : next() % (span + 1);
    return low + Duration(static_cast<Duration::rep>(offset));
}

std::string RandomSource::uuid() {
    static constexpr std::string_view kHex = "0123456789abcdef";
    static constexpr std::string_view kLayout = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    std::uint64_t bits = 0;
    int left = 0;
    std::string text(kLayout);
    for (char& character : text) {
        if (character != 'x' && character != 'y') continue;
        if (left == 0) {
            bits = next();
            left = 16;
        }
        auto nibble = static_cast<std::size_t>(bits & 0xF);
        if (character == 'y') nibble = (nibble & 0x3) | 0x8;  // RFC 4122 variant
        character = kHex[nibble];
        bits >>= 4;
        --left;
    }
    return text;
}

}  // namespace jiro
