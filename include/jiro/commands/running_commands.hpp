// SPDX-License-Identifier: MIT
#pragma once
// What runs, what it has printed so far, and how to end it: for the commands `running`, `output` and `cancel`, for the
// operator's routes of the same names; and what ended last, for the status. Implemented by the Dispatcher. Commands
// that only look or control are no part of it. Event loop only; nothing here waits.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/model/command_result.hpp"
#include "jiro/model/delivery_state.hpp"

namespace jiro::commands {

enum class CancelReason { by_hub, by_operator, by_caller, connection_lost, shutting_down };

enum class CancelAnswer {
    is_ending,  // it waited and is settled now, or it runs and has been told to end
    has_ended,  // there is nothing left to end
    unknown,    // no command of that id waits, runs or has ended lately
};

struct RunInProgress {
    std::string id{};
    std::string name{};
    std::string session_id{};
    Duration age{};
    std::string user{};  // as whom its program runs (empty: not yet); of a built-in command: as whom the daemon does
    std::uint64_t output_bytes = 0;  // on standard output and standard error
    bool is_detached = false;
    std::string last_lines{};  // of what it printed; a few, and few bytes
};

// A part of a program's standard output.
struct OutputPart {
    std::string name{};        // of the command
    std::uint64_t from = 0;    // where `text` begins; later than asked for, when what stood there was not kept
    std::uint64_t next = 0;    // where it ends: to be asked for next
    std::uint64_t total = 0;   // printed so far
    std::string text{};        // UTF-8; what is not is replaced
    std::string error_text{};  // the end of what is on standard error
    std::uint64_t error_total = 0;
    Duration age{};                    // since it began; of one that has ended: since then
    std::optional<Outcome> outcome{};  // it has ended
};

struct EndedCommand {
    std::string id{};
    std::string name{};  // of a command of this machine; empty: its text named none
    Outcome outcome = Outcome::succeeded;
    Duration age{};         // since it ended
    Duration queue_time{};  // until it began, or was refused
    Duration run_time{};
    DeliveryState delivery = DeliveryState::waiting;
};

class RunningCommands {
  public:
    virtual ~RunningCommands() = default;

    // The oldest first; also those whose start is just being committed, which nothing but a cancellation stops.
    [[nodiscard]] virtual std::vector<RunInProgress> running() const = 0;
    [[nodiscard]] virtual std::size_t waiting() const = 0;
    // The last ones of this process, at most `limit`, the newest first.
    [[nodiscard]] virtual std::vector<EndedCommand> ended(std::size_t limit) const = 0;

    // At most `limit` bytes (and never a half character, while more may come). errc::no_such_run: neither runs nor has
    // ended lately; beyond_output: so much has not been printed; output_gone: what was kept of one that has ended was
    // dropped.
    [[nodiscard]] virtual Result<OutputPart> output(std::string_view id, std::uint64_t from,
                                                    std::size_t limit) const = 0;

    // Whether somebody waits for the command's answer or not, detached or not.
    virtual CancelAnswer cancel(const std::string& id, CancelReason reason) = 0;
    // Until what cancel() began holds whatever ends the process: the command does not run, or not once more.
    [[nodiscard]] virtual Task<> until_cancel_is_kept(std::string id) = 0;
};

}  // namespace jiro::commands
