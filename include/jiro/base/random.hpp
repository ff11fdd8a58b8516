// SPDX-License-Identifier: MIT
#pragma once
// Randomness as a dependency: jitter and identifiers take a RandomSource&. The daemon passes SystemRandom, tests pass
// support/FixedRandom.

#include <cstdint>
#include <random>
#include <string>

#include "jiro/base/clock.hpp"

namespace jiro {

class RandomSource {
  public:
    virtual ~RandomSource() = default;

    // Uniform over all 64-bit values.
    [[nodiscard]] virtual std::uint64_t next() = 0;

    // Uniform in [low, high]; `low` when high <= low.
    [[nodiscard]] Duration between(Duration low, Duration high);

    // A version 4 UUID in lower case, e.g. for a session that the hub did not name.
    [[nodiscard]] std::string uuid();
};

// A generator of its own, seeded from the kernel (getrandom): machines that boot together do not share their jitter.
// Not for several threads.
class SystemRandom final : public RandomSource {
  public:
    SystemRandom();
    // The same numbers in each run.
    explicit SystemRandom(std::uint64_t seed) : engine_(seed) {}
    [[nodiscard]] std::uint64_t next() override { return engine_(); }

  private:
    std::mt19937_64 engine_;
};

}  // namespace jiro
