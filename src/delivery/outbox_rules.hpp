// SPDX-License-Identifier: MIT
#pragma once
// The outbox's own limits.

#include <chrono>
#include <cstddef>

namespace jiro::delivery {

// due() gives out at most this many bytes of messages at once (but always one row): memory stays flat.
inline constexpr std::size_t kDueBytes = 4 * 1024 * 1024;

// So does recover(), with payloads, and of so many rows.
inline constexpr std::size_t kRecoveredRows = 500;

// A row that is due later than any delay we ever choose shows that the wall clock was set back: it is due now.
inline constexpr std::chrono::hours kMaxPostponement{3};

// An idempotent command that was interrupted is started again, until it was started this often.
inline constexpr int kMaxStarts = 3;

// Added to a row's size for what SQLite keeps beside its blobs.
inline constexpr std::size_t kRowOverhead = 200;

}  // namespace jiro::delivery
