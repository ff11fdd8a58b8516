// SPDX-License-Identifier: MIT
#pragma once
// The durable outbox: one SQLite file, entered by one thread of its own. Its promises open
// src/delivery/sqlite_outbox.cpp. With the path kInMemory: the same without a file and a thread.

#include <memory>

#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

// Opens or creates settings.path, which must be set. Fails (errc::in_use) only when another jiro-client has it open:
// any other trouble (full, read-only, damaged, newer schema, held by another program) is reported by figures().problem,
// refuses new commands by name, and is tried again by itself. A damaged file is moved aside as `<path>.corrupt-<time>`
// and what can be read is taken over. The destructor writes what waits, closes the file and joins the thread; `clock`
// must be callable from that thread.
[[nodiscard]] Result<std::unique_ptr<Outbox>> open_sqlite_outbox(const Clock& clock, OutboxSettings settings);

}  // namespace jiro::delivery
