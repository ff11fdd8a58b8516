// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include "daemon/result_mapping.hpp"

namespace jiro::daemon {

namespace {

commands::Admission to_admission(const AdmissionResult& result) {
    using Kind = commands::Admission::Kind;
    commands::Admission admission;
    switch (result.admission) {
        case Admission::accepted:
            admission.kind = Kind::accepted;
            break;
        case Admission::already_in_progress:
            admission.kind = Kind::already_in_progress;
            break;
        case Admission::already_settled:
        case Admission::already_forgotten:
            admission.kind = Kind::already_settled;
            break;
        case Admission::conflicting_content:
            admission.kind = Kind::conflicting_content;
            break;
        case Admission::refused:
            admission.kind = Kind::refused_storage;
            admission.reason = result.reason ? result.reason->message : "the journal cannot store it";
            break;
    }
    return admission;
}

}  // namespace

Task<Result<commands::Admission>> Journal::received(const CommandMessage& message, Fingerprint fingerprint,
                                                    bool idempotent, Duration limit, commands::Start start) {
    const WallTime now = outbox_.now();
    Receipt receipt{.id = message.command_sync_id,
                    .fingerprint = fingerprint,
                    .payload = to_payload(message),
                    .received_at = now,
                    .run_before = now + std::chrono::duration_cast<WallTime::duration>(limit),
                    .idempotent = idempotent};
    const auto first = start == commands::Start::at_once ? FirstState::running : FirstState::received;
    const auto result = co_await outbox_.received(std::move(receipt), first);
    if (result.admission == Admission::already_settled) courier_.notify();
    co_return to_admission(result);
}

Task<Result<>> Journal::started(std::string command_sync_id) {
    co_return co_await outbox_.started(std::move(command_sync_id));
}

Task<Result<>> Journal::finished(FinishedCommand command) {
    auto outcome = to_outcome(std::move(command));
    co_return co_await courier_.finish(std::move(outcome));
}

Task<> Journal::answer_unstored(FinishedCommand command) {
    auto outcome = to_outcome(std::move(command));
    // The courier keeps what cannot be stored in memory, and says so in its figures and its log.
    static_cast<void>(co_await courier_.finish(std::move(outcome), delivery::Admitted::no));
}

}  // namespace jiro::daemon
