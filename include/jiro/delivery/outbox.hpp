// SPDX-License-Identifier: MIT
#pragma once
// The journal of commands and their outcomes: a command's row goes received -> running -> done -> delivered, or ->
// dead. The daemon's intake writes the first half (received, started), the Courier the second. sqlite_outbox.hpp keeps
// it on disk or in memory.
//
// Threads: every function is called on the event loop, except figures(), which any thread may call. A file has its own
// thread, the storage thread; a Task resumes on its caller's executor when its change is committed. A storage operation
// cannot be cancelled (it ends by itself). Errors are named in errors.hpp.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/delivery/client_message.hpp"
#include "jiro/model/admission.hpp"

namespace jiro::delivery {

struct RecoveredCommand {
    Receipt receipt;
    int starts = 0;     // how often it was started before: 0, or more for an idempotent one
    Duration waited{};  // since it was received
    int resumes = 0;    // how often it was suspended, and is to go on
    // Since it was suspended last; nothing: it was not, or has gone on since.
    std::optional<Duration> suspended_for{};
    bool awaits_reboot = false;  // it was suspended in this boot
};

struct RowProblem {
    std::string id;  // as far as it could be read
    std::string what;
};

struct Recovery {
    std::vector<RecoveredCommand> to_run;   // oldest first; their rows are in state received
    std::vector<RecoveredCommand> running;  // go on without the process that started them; their rows stay as they are
    std::vector<Receipt> interrupted;       // their rows are done now, with the outcome that the caller made
    std::vector<RowProblem> problems;       // set aside
    bool is_all = true;                     // false: there is more, which the next call gives
};

// Makes the outcome of a command that was interrupted and will not run again. Called on the storage thread: pure.
using MakeOutcome = std::function<Bytes(const Receipt&)>;

// Whether the command of a running row goes on. Called on the storage thread: pure. Null: none does.
using GoesOn = std::function<bool(const std::string& id)>;

// Whether the caller keeps a finished result in hand to send it at once; else due() will give it out.
enum class Lease { no, yes };

// Whether there is a row of that id. Doubtful: its command was refused and its outcome could not be stored, but a
// commit that was reported as failed may be on the disk all the same.
enum class RowIs { there, doubtful };

struct DueRow {
    std::string id;
    Bytes message;
    Outcome kind = Outcome::succeeded;
    WallTime finished_at{};
    int attempts = 0;  // failed ones so far
    int refusals = 0;  // of these, those where the server refused the content
    Bytes whole;       // null, unless `message` is a short form of it
};

struct Postponement {
    std::string id;
    int attempts = 0;
    int refusals = 0;
    std::optional<WallTime> due_at;  // nothing: as it was
    std::string last_error;          // empty: as it was
    Lease lease = Lease::no;
};

enum class RowState { received, running, done, delivered, dead };
inline constexpr auto kRowStateNames = enum_names<RowState::received, RowState::dead>;
[[nodiscard]] constexpr std::string_view to_string(RowState state) noexcept {
    return kRowStateNames[static_cast<std::size_t>(state)];
}

struct RowSummary {
    std::int64_t sequence = 0;  // grows with each row; pages go on after it
    std::string id;
    RowState state = RowState::received;
    std::optional<Outcome> kind;
    WallTime received_at{};
    std::optional<WallTime> finished_at;
    std::optional<WallTime> due_at;
    int attempts = 0;
    std::uint64_t bytes = 0;
    std::string last_error;
};

struct RowDetails {
    RowSummary summary;
    Bytes message;  // null when there is none (yet, or any more)
    Bytes whole;    // null, unless `message` is a short form of it that is not confirmed yet
};

// What retry() sends: the message as it is, or the whole one in place of its short form.
enum class Resend { as_it_is, whole };

struct ListPage {
    std::optional<RowState> state;  // only these; default: everything but delivered
    std::int64_t after = 0;         // RowSummary::sequence of the previous page's last row
    std::size_t limit = 100;
};

struct OutboxCounts {
    std::uint64_t pending = 0;     // done, not delivered
    std::uint64_t unfinished = 0;  // received or running
    std::uint64_t dead_letters = 0;
    std::uint64_t remembered = 0;        // delivered, kept for de-duplication
    std::uint64_t bytes = 0;             // of payloads and messages, without those of delivered rows
    std::uint64_t remembered_bytes = 0;  // of the messages that delivered rows still have
};

struct OutboxFigures : OutboxCounts {
    std::optional<WallTime> oldest_undelivered;  // when its command ended
    std::uint64_t storage_errors = 0;            // operations of the storage that failed, in this process
    std::optional<bool> has_ballast;             // the reserve for a full disk; nothing: this outbox keeps none
    std::chrono::milliseconds wall_set_by{};     // how far the wall clock was from Outbox::now() when last looked at
    std::uint64_t lost = 0;                      // results that were in its file, and are not any more
    bool is_astray = false;                      // its file is gone: what is in it ends with the process
    bool writable = false;
    std::string problem;  // why not writable, or what an operator should know; else empty
};

class Outbox {
  public:
    virtual ~Outbox() = default;

    // The outbox's own time, by which rows are stamped and measured: within a boot it moves with the boot clock,
    // whatever is done to the wall clock.
    [[nodiscard]] virtual WallTime now() const = 0;

    // First of all: what the previous process left behind, a part at a time, of which the first has all interrupted
    // ones. What is not given out yet waits in the outbox. Where the first call fails, nothing is taken until it
    // succeeds.
    [[nodiscard]] virtual Task<Result<Recovery>> recover(MakeOutcome make, GoesOn goes_on) = 0;

    [[nodiscard]] virtual Task<AdmissionResult> received(Receipt receipt, FirstState state) = 0;
    [[nodiscard]] virtual Task<Result<>> started(std::string id) = 0;
    // A running command waits until the machine has been started anew, and runs then once more: its row is `received`
    // again, and cannot be started in this boot.
    [[nodiscard]] virtual Task<Result<>> suspended(std::string id) = 0;
    // A running command is not repeated after a crash, though its receipt says that it may be.
    [[nodiscard]] virtual Task<Result<>> not_again(std::string id) = 0;
    // Outcome and `done` in one transaction. An id that is not in the journal (a rejected command) is added.
    [[nodiscard]] virtual Task<Result<>> finished(std::string id, Outcome kind, Bytes message, Lease lease) = 0;

    // Rows that are due, oldest first. A row that is given out is leased until delivered(), postponed(), released() or
    // dead() (or a restart): it is not given out again. finished() with Lease::yes leases it to its caller at once.
    [[nodiscard]] virtual Task<Result<std::vector<DueRow>>> due(std::size_t limit) = 0;
    // When the next row becomes due that is not given out; nullopt: there is none.
    [[nodiscard]] virtual Task<Result<std::optional<WallTime>>> next_due() = 0;

    // These two are written with the next commit, at the latest after a moment: to lose one costs a duplicate, no more.
    virtual void delivered(const std::string& id, RowIs row) = 0;
    void delivered(std::string id) { delivered(std::move(id), RowIs::there); }
    virtual void postponed(Postponement postponement) = 0;
    virtual void released(std::vector<std::string> ids) = 0;  // not sent, nothing changed: give them out again
    [[nodiscard]] virtual Task<Result<>> dead(std::string id, std::string reason) = 0;
    // A short form of the message, which is sent from now on. The whole one stays beside it until delivered(). The row
    // stays leased.
    [[nodiscard]] virtual Task<Result<>> replaced(std::string id, Bytes message) = 0;

    // Makes every postponed row due now (a reload, or the server is back), but for those whose content was refused:
    // their tries are few, and spaced.
    [[nodiscard]] virtual Task<Result<>> make_all_due_now() = 0;
    // Undelivered rows that ended longer than `max_age` ago and had that many attempts become dead letters; gives their
    // ids (at most `limit` a call).
    [[nodiscard]] virtual Task<Result<std::vector<std::string>>> expire(Duration max_age, int attempts,
                                                                        std::size_t limit) = 0;

    // For operators. `retry` works on dead and undelivered rows (with Resend::whole: on those that were cut, while they
    // are not on their way), `drop` on everything but unfinished ones; a dropped command's id stays remembered.
    [[nodiscard]] virtual Task<Result<std::vector<RowSummary>>> list(ListPage page) = 0;
    [[nodiscard]] virtual Task<Result<RowDetails>> show(std::string id) = 0;
    [[nodiscard]] virtual Task<Result<>> retry(std::string id, Resend what) = 0;
    [[nodiscard]] virtual Task<Result<std::uint64_t>> retry_all_dead() = 0;
    [[nodiscard]] virtual Task<Result<>> drop(std::string id) = 0;

    // Now, not in a second: figures() says afterwards whether it is astray.
    [[nodiscard]] virtual Task<> look_for_its_file() = 0;

    // OutboxSettings::dedupe_window after a reload; for what comes from now on.
    virtual void set_dedupe_window(std::chrono::hours window) = 0;

    [[nodiscard]] virtual OutboxFigures figures() const = 0;
};

}  // namespace jiro::delivery
