// SPDX-License-Identifier: MIT
#pragma once
// The dispatcher's data and inner steps: the queue, the slots, settling. Event loop only. See dispatcher.hpp for the
// promises.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "commands/log.hpp"
#include "commands/pending_command.hpp"
#include "commands/resolution.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/commands/dispatcher.hpp"

namespace jiro::commands {

using PendingPtr = std::shared_ptr<PendingCommand>;

// Commands of one name whose handler has a limit of its own.
struct Lane {
    int running = 0;
    std::deque<PendingPtr>
        parked;  // came to the queue's front while the lane was full; older than what is in the queue
};

// A result repeats its command's parameters; that of a refused command only when they are few, so that a flood of
// refusals does not fill memory and disk.
void leave_out_much(CommandMessage& message);

struct Dispatcher::State : std::enable_shared_from_this<Dispatcher::State> {
    State(boost::asio::any_io_executor on, Clock& time, RandomSource& randomness, boost::asio::thread_pool& pool,
          ResultSink& journal, CommandObserver& counters, Settings options,
          std::shared_ptr<const CommandRegistry> commands);

    // Arrival.
    PendingPtr add(CommandMessage message, Fingerprint content);
    void take_place(const PendingPtr& command);
    [[nodiscard]] Task<ReceivedCommand> known_already(PendingPtr command, Fingerprint content);
    [[nodiscard]] std::optional<CommandResult> reason_to_refuse(const PendingCommand& command,
                                                                const Result<Resolution>& resolution,
                                                                const std::optional<Error>& problem) const;
    // What receive() took for a command, until admit() begins: a task that is dropped before that gives it back.
    class Arrival {
      public:
        Arrival(std::shared_ptr<State> state, PendingPtr command)
            : state_(std::move(state)), command_(std::move(command)) {}
        Arrival(Arrival&&) noexcept = default;
        Arrival& operator=(Arrival&&) = delete;
        ~Arrival();
        [[nodiscard]] PendingPtr begin() { return std::exchange(command_, nullptr); }

      private:
        std::shared_ptr<State> state_;
        PendingPtr command_;
    };
    [[nodiscard]] Task<ReceivedCommand> admit(Arrival arrival, std::optional<CommandResult> refusal, bool idempotent,
                                              Duration limit);
    [[nodiscard]] ReceivedCommand not_admitted(PendingPtr command, const AdmissionResult& answer);
    void enter_queue(const PendingPtr& command);
    // When nothing is ahead of it and a slot is free, the slot is kept for it from its arrival on.
    [[nodiscard]] bool can_start_at_once(const CommandDescription& description) const;
    void take_slot(const PendingPtr& command);
    void give_up_slot(PendingCommand& command);

    // Start. Re-entrant: a command may end while another is being started.
    void start_waiting();
    void start(PendingPtr command);
    void start_kept();
    void run_in_slot(PendingPtr command);
    [[nodiscard]] Task<> until_no_slot_is_kept();
    void slot_freed(const std::string& name);

    // End. Every accepted command comes through exactly one of these.
    void refuse(const PendingPtr& command, CommandResult result);  // in the background
    Task<> settle(PendingPtr command, CommandResult result);
    void defer(const PendingPtr& command);
    void forget(const PendingPtr& command, Completion completion);

    void cancel(const PendingPtr& command, CancelReason reason);
    void give_up_place(PendingCommand& command);
    [[nodiscard]] bool has_room() const;  // for more of what waits in the journal
    [[nodiscard]] std::vector<PendingPtr> all_in_order() const;

    boost::asio::any_io_executor executor;
    Clock& clock;
    RandomSource& random;
    boost::asio::thread_pool& workers;
    ResultSink& sink;
    CommandObserver& observer;
    Settings settings;
    std::shared_ptr<const CommandRegistry> registry;

    std::unordered_map<std::string, PendingPtr> by_id;  // everything that is not settled
    std::deque<PendingPtr> queue;                       // arrival order; may hold settled ones, which are skipped
    std::unordered_map<std::string, Lane> lanes;
    std::size_t waiting = 0;        // commands that hold a place
    std::size_t waiting_bytes = 0;  // of their messages
    int running = 0;                // slots that are taken
    std::deque<PendingPtr> kept;    // hold slots while their receipts are committed; arrival order
    std::uint64_t next_sequence = 0;
    bool started = false;
    bool stopping = false;
    bool starting = false;  // start_waiting is on the stack
    bool are_older_in_journal = false;
    bool abandoned = false;  // ~Dispatcher: sink and observer may be gone
    Event place_is_free;
    boost::asio::steady_timer stop_requested;
    boost::asio::steady_timer no_slot_is_kept;
    TaskGroup group;
};

}  // namespace jiro::commands
