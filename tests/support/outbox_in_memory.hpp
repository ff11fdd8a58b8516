// SPDX-License-Identifier: MIT
#pragma once
// An outbox without a file and without a thread: what is asked of it is done at once, as the test's own clock says.

#include <memory>

#include "jiro/delivery/sqlite_outbox.hpp"

namespace jiro::test {

inline std::unique_ptr<delivery::Outbox> outbox_in_memory(const Clock& clock, delivery::OutboxSettings settings = {}) {
    settings.path = delivery::kInMemory;
    return delivery::open_sqlite_outbox(clock, std::move(settings)).value();
}

}  // namespace jiro::test
