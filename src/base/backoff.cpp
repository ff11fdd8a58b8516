// SPDX-License-Identifier: MIT
#include "jiro/base/backoff.hpp"

#include <algorithm>

namespace jiro {

Duration backoff_ceiling(const BackoffSettings& settings, int attempt) {
    Duration ceiling = std::min(settings.initial, settings.cap);
    for (int i = 1; i < attempt && ceiling < settings.cap; ++i) {
        ceiling = ceiling > settings.cap / 2 ? settings.cap : ceiling * 2;
        if (ceiling == Duration::zero()) break;
    }
    return std::max(ceiling, settings.floor);
}

Duration backoff_delay(const BackoffSettings& settings, int attempt, RandomSource& random) {
    return random.between(settings.floor, backoff_ceiling(settings, attempt));
}

}  // namespace jiro
