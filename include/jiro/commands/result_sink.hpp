// SPDX-License-Identifier: MIT
#pragma once
// What the dispatcher needs from the journal: implemented by the daemon over delivery's outbox, and by tests in memory.
// All members are called on the event loop. "Committed" means: survives what Outbox.Durability promises.

#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/model/admission.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

class ResultSink {
  public:
    virtual ~ResultSink() = default;

    // Whether what `received` accepted is there after a restart: then commands that wait when the daemon stops stay in
    // the journal, otherwise they get an error result "cancelled: shutting down".
    [[nodiscard]] virtual bool durable() const noexcept = 0;

    // Committed as received before it returns `accepted`. Calls may be pending side by side (group commit); they must
    // become visible in call order. The sink writes the times into the receipt: from now on the command may wait for
    // `max_wait`. With FirstState::running it is committed as running, too:
    // `started` is not called for it.
    [[nodiscard]] virtual Task<AdmissionResult> received(Receipt receipt, Duration max_wait, FirstState state) = 0;

    // Committed as running before it returns. On an error the command does not run and is settled as failed.
    [[nodiscard]] virtual Task<Result<>> started(std::string command_sync_id) = 0;

    // Committed as waiting for the machine's restart before it returns (durable sinks only). On an error the command is
    // settled with what its handler returned.
    [[nodiscard]] virtual Task<Result<>> suspended(std::string command_sync_id) = 0;

    // Committed before it returns: a running command that may be repeated is not, whatever ends this process.
    [[nodiscard]] virtual Task<Result<>> not_again(std::string command_sync_id) = 0;

    // The outcome is stored, and its delivery scheduled, before it returns. On an error the sink has kept it in memory
    // and sends it from there; the dispatcher only logs.
    [[nodiscard]] virtual Task<Result<>> finished(FinishedCommand command) = 0;

    // The outcome of a command that `received` refused for storage: sent once, from memory, as well as may be.
    [[nodiscard]] virtual Task<> answer_unstored(FinishedCommand command) = 0;

    // `received` said `already_settled`: that outcome is to be sent again.
    virtual void send_again() = 0;
};

}  // namespace jiro::commands
