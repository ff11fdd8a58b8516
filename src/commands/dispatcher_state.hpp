// SPDX-License-Identifier: MIT
#pragma once
// What the dispatcher and the coroutines of its commands share. Its functions stand by concept: dispatcher_arrival.cpp
// (from the message to the journal), dispatcher_call.cpp (what another command calls), dispatcher_run.cpp (start and
// end), dispatcher_suspension.cpp and dispatcher_handover.cpp (through a restart of the machine, or of the daemon),
// dispatcher.cpp (the rest). Event loop only.

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/ended_runs.hpp"
#include "commands/log.hpp"
#include "commands/run_queue.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/signature.hpp"

namespace jiro::commands {

// A result repeats its command's parameters; that of a rejected command only when they are few, so that a flood of them
// does not fill memory and disk.
void drop_large_parameters(CommandMessage& message);

[[nodiscard]] CommandResult cancelled_result(CancelReason reason);

// As whom it runs, or ran. Empty: its program has not started. kUnknownUser: one that had begun in an earlier process.
[[nodiscard]] std::string user_of(const PendingCommand& command);

[[nodiscard]] inline std::chrono::milliseconds to_milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

// Held by the coroutines too, which may outlive the dispatcher.
struct Dispatcher::State : std::enable_shared_from_this<Dispatcher::State> {
    State(Executor on, Clock& time, RandomSource& randomness, boost::asio::thread_pool& pool, ResultSink& journal,
          CommandObserver& counters, Settings options, std::shared_ptr<const CommandRegistry> commands)
        : executor(std::move(on)),
          clock(time),
          random(randomness),
          workers(pool),
          sink(journal),
          observer(counters),
          settings(std::move(options)),
          registry(std::move(commands)),
          queue(settings),
          latest_time(time),
          stop_requested(executor),
          changed(executor),
          waits_longest(executor),
          group([](const std::exception_ptr& exception) {
              commands_log.error("The run of a command broke", {{"reason", what_of(exception)}});
          }) {}

    // Held by the coroutine that has a command in hand. Should that be dropped, the command still ends: it is counted,
    // its slot is free, and whoever waits for it is told.
    class Guard {
      public:
        Guard(std::shared_ptr<State> state, PendingPtr command)
            : state_(std::move(state)), command_(std::move(command)) {}
        Guard(Guard&&) noexcept = default;
        Guard& operator=(Guard&&) = delete;
        ~Guard() {
            if (command_ && !state_->abandoned) state_->on_dropped(command_);
        }
        [[nodiscard]] const PendingPtr& command() const noexcept { return command_; }
        void release() noexcept { command_ = nullptr; }

      private:
        std::shared_ptr<State> state_;
        PendingPtr command_;
    };

    // Arrival.
    PendingPtr add(CommandMessage&& message, Fingerprint content);
    [[nodiscard]] Task<ReceivedCommand> known_already(PendingPtr command, Fingerprint content);
    void count_rejected(const std::string& id, Rejection why, std::string_view sentence);
    [[nodiscard]] std::optional<Error> why_rejected(const PendingCommand& command, const Result<Resolution>& resolution,
                                                    const std::optional<Error>& problem) const;
    [[nodiscard]] std::optional<Error> why_not_trusted(PendingCommand& command, const Resolution& resolution);
    [[nodiscard]] std::string signer_of(const CommandMessage& message, TimePoint received_at);
    [[nodiscard]] WallTime wall_time_of(TimePoint moment);  // by the clock of signatures
    [[nodiscard]] std::optional<Error> take_place(const PendingPtr& command, Resolution& resolution);
    [[nodiscard]] Task<ReceivedCommand> admit(Guard arrival, std::optional<Error> why_rejected, bool idempotent);
    [[nodiscard]] ReceivedCommand not_admitted(const PendingPtr& command, const AdmissionResult& answer);
    void on_journalled(const PendingPtr& command);
    void begin_call(const PendingPtr& tool);
    [[nodiscard]] Result<Resolution> resolution_of(const PendingCommand& command) const;
    [[nodiscard]] bool is_durable(const PendingCommand& command) const { return !command.is_tool() && sink.durable(); }

    // Start. Re-entrant: a command may end while another is being started.
    void start_next();
    [[nodiscard]] std::optional<GateClosed> gate_closed() const { return gate ? gate->closed() : std::nullopt; }
    void start(const PendingPtr& command);
    void start_control(const PendingPtr& command);
    void spawn_run(const PendingPtr& command);
    [[nodiscard]] Task<> until_none_is_reserved();
    [[nodiscard]] Task<> until_stop_requested();

    // MaxWaitMs.
    [[nodiscard]] TimePoint late_from(const PendingCommand& command) const {
        return command.resume_before.value_or(command.received_at + settings.max_wait);
    }
    [[nodiscard]] bool is_late(const PendingCommand& command) const { return late_from(command) <= clock.now(); }
    void refuse_late(const PendingPtr& command);
    [[nodiscard]] Task<> refuse_what_waits_too_long();  // until cancelled

    // The machine's restart (dispatcher_suspension.cpp). Nothing: the command waits for it; else why it cannot.
    [[nodiscard]] Task<std::optional<std::string>> suspend(PendingPtr command);
    // One that an earlier process left: suspended, perhaps. Refused: its outcome is being stored.
    enum class TakenUp { lines_up, waits_for_reboot, refused };
    [[nodiscard]] TakenUp resume(const PendingPtr& command, const LeftCommand& left,
                                 const Result<Resolution>& resolution);
    void wait_for_reboot(const PendingPtr& command, Duration resume_within);

    // The daemon's restart (dispatcher_handover.cpp), through which a program goes on.
    void hand_over(const PendingPtr& command);
    void leave_running(const PendingPtr& command);
    static void settle_handover(PendingCommand& command);
    void take_back(const PendingPtr& command, LeftCommand& left, Result<Resolution> resolution);

    // Where the outcome belongs; empty, or why it could not be stored.
    [[nodiscard]] Task<std::string> store(const PendingCommand& command, FinishedCommand& finished);  // awaited at once

    // End. Every accepted command comes through exactly one of these.
    [[nodiscard]] Task<> finish(Guard guard, std::optional<CommandResult> result);
    void refuse(const PendingPtr& command, CommandResult result);  // in the background
    void defer(const PendingPtr& command);
    void forget(const PendingPtr& command, Completion completion);
    void on_dropped(const PendingPtr& command);
    void leave(const PendingPtr& command);
    void remember(PendingCommand& command, Duration queue_time, Duration run_time);  // among `ended`
    void audit(const PendingCommand& command, Outcome outcome) const;
    [[nodiscard]] FinishedCommand finished_command(PendingCommand& command, CommandResult&& result) const;

    void cancel(const PendingPtr& command, CancelReason reason);
    [[nodiscard]] std::vector<PendingPtr> all_in_order() const;

    Executor executor;
    Clock& clock;
    RandomSource& random;
    boost::asio::thread_pool& workers;
    ResultSink& sink;
    CommandObserver& observer;
    Settings settings;
    std::shared_ptr<const CommandRegistry> registry;
    StartGate* gate = nullptr;  // always open

    std::unordered_map<std::string, PendingPtr> by_id;  // everything that has not ended
    RunQueue queue;
    LatestTime latest_time;
    std::uint64_t next_sequence = 0;
    EndedRuns ended;
    bool started = false;
    bool stopping = false;
    bool starting = false;  // start_next is on the stack
    bool are_older_in_journal = false;
    bool abandoned = false;  // ~Dispatcher: sink and observer may be gone
    Event stop_requested;
    Event changed;                           // the queue
    Event waits_longest;                     // something is to be refused earlier than `next_late`
    TimePoint next_late = TimePoint::max();  // when refuse_what_waits_too_long() looks again
    TaskGroup group;
};

}  // namespace jiro::commands
