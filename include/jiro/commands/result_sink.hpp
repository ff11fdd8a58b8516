// SPDX-License-Identifier: MIT
#pragma once
// What the dispatcher needs from the journal: implemented by the daemon over delivery's outbox, and by tests in memory.
// All members are called on the event loop. "Committed" means: survives what Outbox.Durability promises.

#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/model/command_message.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

struct Admission {
    enum class Kind {
        accepted,             // committed as received; the dispatcher will run it and settle it
        already_in_progress,  // known and not settled (for example kept from before a restart)
        already_settled,      // known and settled: the sink is sending that outcome again
        conflicting_content,  // known under another fingerprint
        refused_storage,      // the journal cannot take it now: not committed
    };

    Kind kind = Kind::accepted;
    std::string reason;                      // refused_storage: why, for the log and the answer
    std::optional<Outcome> settled_outcome;  // already_settled: if known
};

// Whether the command starts as soon as it is accepted: a slot is kept for it, and one commit does for both.
enum class Start { later, at_once };

class ResultSink {
  public:
    virtual ~ResultSink() = default;

    // Whether what `received` accepted is there after a restart: then commands that wait when the daemon stops stay in
    // the journal, otherwise they get an error result "cancelled: shutting down".
    [[nodiscard]] virtual bool durable() const noexcept = 0;

    // Committed as received before it returns `accepted`. Calls may be pending side by side (group commit); they must
    // become visible in call order. `idempotent`: the command may be run again if the daemon dies while it runs.
    // `limit`: so long it may wait, also for the next start of the daemon: the command's own time limit. With
    // Start::at_once it is committed as running, too: `started` is not called for it. `message` lives until the task
    // has ended.
    [[nodiscard]] virtual Task<Result<Admission>> received(const CommandMessage& message, Fingerprint fingerprint,
                                                           bool idempotent, Duration limit, Start start) = 0;

    // Committed as running before it returns. On an error the command does not run and is settled as failed.
    [[nodiscard]] virtual Task<Result<>> started(std::string command_sync_id) = 0;

    // The outcome is stored, and its delivery scheduled, before it returns. On an error the sink has kept it in memory
    // and sends it from there; the dispatcher only logs.
    [[nodiscard]] virtual Task<Result<>> finished(FinishedCommand command) = 0;

    // The outcome of a command that `received` refused for storage: sent once, from memory, as well as may be.
    [[nodiscard]] virtual Task<> answer_unstored(FinishedCommand command) = 0;
};

}  // namespace jiro::commands
