// SPDX-License-Identifier: MIT
#pragma once
// Takes commands, has them journalled, runs them in arrival order, at most MaxConcurrent at a time, and settles each
// exactly once, whatever happens to it. intake calls `receive`; the daemon's shutdown and the hub connection call the
// rest. Errors become error results of the command; nothing is silent.
//
// Event loop only. Destroy it after run() has ended, or when the event loop runs no more: what is then left of the
// commands' coroutines counts nothing and starts nothing.
//
//     auto received = co_await dispatcher.receive(std::move(message));
//     ...                                               // Acknowledge: received -> answer now
//     auto completion = co_await received.finished();    // Acknowledge: finished

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include "jiro/base/task.hpp"

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/random.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/command_observer.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/result_sink.hpp"
#include "jiro/commands/running_commands.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/commands/start_gate.hpp"

namespace jiro::commands {

// How a command ended, for the answer to an invocation.
struct Completion {
    std::optional<Outcome> outcome;  // none: it ended before, and how is not known any more
    std::string message;             // the result's text, or the error; cut to a few KiB
    bool deferred = false;           // not ended: it stays in the journal and runs after the restart
    std::string note{};              // the result's
    bool forgotten = false;          // it ended before, and its outcome is not sent again

    [[nodiscard]] bool is_success() const noexcept { return outcome == Outcome::succeeded && !deferred; }
};

class PendingCommand;

// What became of a command that arrived: receive()'s answer, and the way to wait for the end.
class ReceivedCommand {
  public:
    enum class Kind {
        accepted,   // new and in the journal
        duplicate,  // known: waiting, running or settled
        refused,    // not taken: conflicting content, storage
    };

    ReceivedCommand() = default;  // refused; co_spawn needs one
    ReceivedCommand(Kind kind, std::shared_ptr<PendingCommand> command);
    ReceivedCommand(Kind kind, Completion completion);

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    // Returns when the command is settled; at once for what never will be here (refused, settled earlier, deferred).
    [[nodiscard]] Task<Completion> finished() const;

  private:
    Kind kind_ = Kind::refused;
    std::shared_ptr<PendingCommand> command_;  // shared with the dispatcher, which may forget the command first
    Completion completion_;
};

// A command that the journal held as received at the start; or as running, when its program goes on without the process
// that started it.
struct LeftCommand {
    CommandMessage message;
    std::optional<std::string> refusal{};  // why it was not to run when it was received
    TimePoint received_at{};
    bool has_run = false;                     // not to its end
    bool repeats = false;                     // it was interrupted: only an idempotent command runs again
    int resumes = 0;                          // how often the machine was started anew for it
    std::optional<TimePoint> suspended_at{};  // when it asked for that last
    bool awaits_reboot = false;               // it has not been yet
    std::optional<TimePoint> runs_since{};    // its program goes on
    std::function<void()> settled{};          // of that: called when its outcome is stored
};

class Dispatcher final : public RunningCommands {
  public:
    Dispatcher(Executor executor, Clock& clock, RandomSource& random, boost::asio::thread_pool& workers,
               ResultSink& sink, CommandObserver& observer, Settings settings,
               std::shared_ptr<const CommandRegistry> registry);
    ~Dispatcher() override;

    // The command's place in the order is taken at the call, not at the co_await; the task must be awaited. Returns
    // when the journal has the command, or refused it. `problem`: the message is malformed but answerable; it gets an
    // error result.
    [[nodiscard]] Task<ReceivedCommand> receive(CommandMessage&& message, std::optional<Error> problem = std::nullopt);

    // A command that another one calls (the model's tool) by its name and its parameters, and whose result it is given;
    // the journal and the server know nothing of it. It is gated, limited, counted, shown, cancelled and audited as any
    // other, but takes no slot of MaxConcurrent: the one that waits for it has one. Cancelled, it ends the command
    // first.
    [[nodiscard]] Task<CommandResult> call(CommandMessage message);

    // Runs without a second `received`, unless it has waited for longer than MaxWaitMs, or for the machine's restart
    // for longer than its definition allows. Returns when it has its place in the order, or its outcome is stored.
    [[nodiscard]] Task<> recover(LeftCommand left);
    // One that an earlier process ran and did not see ended, for the audit.
    void note_interrupted(const CommandMessage& message, TimePoint received_at) const;

    // The journal may hold more of those than there is room for in memory. Older commands waiting there keep new ones
    // from being taken: these are answered "busy".
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] Task<> until_room();
    void set_older_in_journal(bool are_there);

    // Asked before each start, from now on; must outlive the dispatcher.
    void set_gate(StartGate& gate);
    // It opened: what waits may start. It closed: a call that waits is refused.
    void gate_changed();

    // Starts commands until request_stop() was called and the last running one is settled. Before that, commands only
    // wait.
    [[nodiscard]] Task<> run();

    // Phase 1: nothing starts any more. What waits is deferred to the next start (durable sink) or settled as
    // cancelled; a program that can go on without this process is left to the next one.
    void request_stop();
    [[nodiscard]] bool is_stopping() const noexcept;
    // True when everything was settled before `deadline`.
    [[nodiscard]] Task<bool> drain(TimePoint deadline);
    // Phase 2: cancels what runs; each is still settled.
    void cancel_all(CancelReason reason);
    // Cancels what runs, and returns when it is settled, after `grace` and kEndLimit at most: a program that has not
    // ended by itself within `grace`, whatever its KillGraceMs says, is killed.
    [[nodiscard]] Task<> end_all(CancelReason reason, Duration grace);
    static constexpr Duration kEndLimit = std::chrono::seconds(10);

    [[nodiscard]] std::vector<RunInProgress> running() const override;
    [[nodiscard]] std::size_t waiting() const override;
    [[nodiscard]] std::vector<EndedCommand> ended(std::size_t limit) const override;
    [[nodiscard]] Result<OutputPart> output(std::string_view id, std::uint64_t from, std::size_t limit) const override;
    CancelAnswer cancel(const std::string& command_sync_id, CancelReason reason) override;
    [[nodiscard]] Task<> until_cancel_is_kept(std::string id) override;
    // What became of the outcome of a command that has ended, for ended().
    void set_delivery(std::string_view command_sync_id, DeliveryState state);
    // Running commands become detached, or everything is cancelled, as OnConnectionLost says.
    void connection_lost();
    // The daemon's own doing, for new settings: running commands become detached, whatever OnConnectionLost says.
    void connection_left();

    // For signatures: it is at least so late, whatever the wall clock says.
    void not_before(WallTime time);

    // For what starts from now on; nothing that runs is touched.
    void reload(Settings settings, std::shared_ptr<const CommandRegistry> registry);

    [[nodiscard]] std::shared_ptr<const CommandRegistry> registry() const;

  private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the commands' coroutines, which may be destroyed after ~Dispatcher
};

// Runs one command as the dispatcher would, without journal and hub: `jiro-client exec`. Never throws.
[[nodiscard]] Task<FinishedCommand> run_locally(CommandMessage message, Settings settings,
                                                std::shared_ptr<const CommandRegistry> registry, Clock& clock,
                                                RandomSource& random, boost::asio::thread_pool& workers);

}  // namespace jiro::commands
