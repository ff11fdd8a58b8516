// SPDX-License-Identifier: MIT
#pragma once
// The outbox in memory: what it holds is lost with the process. For tests, and for comparing with SqliteOutbox.

#include <memory>

#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

[[nodiscard]] std::unique_ptr<Outbox> make_memory_outbox(const Clock& clock, const OutboxSettings& settings);

}  // namespace jiro::delivery
