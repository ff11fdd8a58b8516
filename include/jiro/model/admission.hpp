// SPDX-License-Identifier: MIT
#pragma once
// What is said about a command when it arrives: the journal's receipt for it and the answer to that, and why a message
// was not taken. Values.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/model/command_message.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro {

// A command's row in the journal.
struct Receipt {
    std::string id;  // commandSyncId
    Fingerprint fingerprint{};
    std::string payload;     // the message as JSON, to run the command again after a restart; opaque to the journal
    WallTime received_at{};  // Outbox::now()
    // Likewise, by its limit of waiting, which only versions before 0.2 read, after a step back;
    // kRememberedWhateverComes of a signed command.
    WallTime run_before{};
    bool idempotent = false;  // may run again after a crash that interrupted it
    bool is_signed = false;  // its signature is good for some time: others' ids are forgotten for their number, not its
};

// So far away that no moved clock brings it near.
inline constexpr WallTime kRememberedWhateverComes = WallTime::max();

// Whether the receipt also says that the command runs: when a slot is free, one commit does for both.
enum class FirstState { received, running };

enum class Admission {
    accepted,             // committed: acknowledge it, run it
    already_in_progress,  // it waits or runs: ignore this copy
    already_settled,      // its outcome is known and will be sent again
    already_forgotten,    // it was delivered, its id is remembered but its outcome is not stored any more: ignore
    conflicting_content,  // the same id with another fingerprint: refuse and report; the first one's row is untouched
    refused,              // not stored: answer with an error result that says `reason`
};

struct AdmissionResult {
    Admission admission = Admission::refused;
    std::optional<Error> reason;       // for refused
    std::optional<Outcome> outcome{};  // for already_settled and already_forgotten, where the journal knows it
};

// Why a command message was not taken, for the counters.
enum class Rejection {
    malformed,            // no usable commandSyncId: nothing to answer under
    duplicate,            // the same command again while it waits, runs or is settled
    conflicting_content,  // the same commandSyncId with other content
    storage,              // the journal refused it
};
inline constexpr std::array<std::string_view, 4> kRejectionNames{"malformed", "duplicate", "conflicting_content",
                                                                 "storage"};
[[nodiscard]] constexpr std::string_view to_string(Rejection rejection) noexcept {
    return kRejectionNames[static_cast<std::size_t>(rejection)];
}

}  // namespace jiro
