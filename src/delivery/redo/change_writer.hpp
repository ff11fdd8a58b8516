// SPDX-License-Identifier: MIT
#pragma once
// The way of a change from the event loop into the database: append() commits it in the redo log, catch_up() redoes in
// the store what was appended, many changes in one transaction, and forgets it in the log. Without a log (none is
// configured, or it cannot be had, or Durability is power) nothing is appended: each change is a job of the storage
// thread then.

#include <atomic>
#include <memory>
#include <set>
#include <vector>

#include "delivery/open_outbox.hpp"
#include "delivery/redo/redo_log.hpp"
#include "delivery/redo/row_changes.hpp"

namespace jiro::delivery {

// Changes by what they do to the figures.
template <typename Number>
struct RedoCounts {
    Number received{0};
    Number finished{0};
    Number delivered{0};

    void add(const RedoRecord& change) {
        if (std::holds_alternative<ReceivedChange>(change)) ++received;
        if (std::holds_alternative<FinishedChange>(change)) ++finished;
        if (std::holds_alternative<DeliveredChange>(change)) ++delivered;
    }
};
using RedoneCounts = RedoCounts<std::uint64_t>;

class ChangeWriter {
  public:
    enum class Appended {
        no,  // there is no log, or it has no room: nothing was done
        yes,
        is_news,  // the storage thread is to be told
    };
    enum class Redo { all, settled };  // settled: commands in hand may stay in the log for the next time

    explicit ChangeWriter(const OutboxSettings& settings);

    // The event loop.
    [[nodiscard]] bool has_log() const noexcept { return log_.load() != nullptr; }
    [[nodiscard]] Appended append(const RedoRecord& change);
    // Whether the database can take what is appended; whether it also has room for new commands.
    [[nodiscard]] bool takes_changes() const noexcept { return takes_changes_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool admits_changes() const noexcept { return admits_changes_.load(std::memory_order_relaxed); }

    // Any thread: adds what was appended beyond `redone` to the figures.
    void add_appended(OutboxFigures& figures, const RedoneCounts& redone) const;

    // The storage thread.
    [[nodiscard]] Result<> join(OutboxStore& store);  // OpenOutbox::Joined
    [[nodiscard]] bool has_news() const noexcept { return has_news_; }
    [[nodiscard]] bool has_much() const noexcept { return has_much_; }
    bool note_looked() noexcept;  // what is appended from now on is news again; true: there was much
    // False: the log holds changes that the database cannot take now. `now` becomes the latest change's time.
    bool catch_up(OpenOutbox& store, Redo what, Moment& now);
    [[nodiscard]] bool is_caught_up() const noexcept { return is_caught_up_; }
    void look_after(OpenOutbox& store, Moment& now);  // the log may have been removed
    // What takes_changes() and admits_changes() say from now on.
    void admit(const OutboxFigures& figures, const OpenOutbox& store);
    void stop(OpenOutbox& store);  // in good order: nothing is left in the log
    [[nodiscard]] const RedoneCounts& redone() const noexcept { return redone_; }

  private:
    struct Stretch {  // of the log
        RedoLog::Position end;
        RedoLog::Position own_begin;
        RedoLog::Position leave_from;
        [[nodiscard]] bool leaves_any() const noexcept { return leave_from < end; }
    };
    struct Redone {
        RedoLog::Position until = 0;
        std::vector<RedoLog::Position> ahead;  // records behind `until`
        RedoneCounts counts;
    };

    [[nodiscard]] Result<> redo_left_log(OutboxStore& store, std::int64_t known) const;
    [[nodiscard]] Result<> open_log(std::int64_t known);
    void use_log(OutboxStore& store);
    void begin_anew(OpenOutbox& store);
    [[nodiscard]] bool redo_some(OpenOutbox& store, const Stretch& stretch, Moment& now);
    [[nodiscard]] Redone redo(OutboxStore& store, const Stretch& stretch, Moment& now) const;

    const OutboxSettings settings_;
    const bool is_in_memory_;

    // Of the storage thread only.
    std::unique_ptr<RedoLog> owned_log_;
    bool wants_log_ = false;
    bool has_decided_ = false;   // there is a log, or there will be none
    bool keeps_memory_ = false;  // since much came at a time
    bool is_caught_up_ = true;
    RedoLog::Position own_begin_ = 0;  // before it: changes of the previous process
    RedoneCounts redone_;
    std::set<RedoLog::Position> redone_ahead_;  // records behind the log's start

    // Of both threads.
    std::atomic<RedoLog*> log_{nullptr};
    std::atomic<bool> takes_changes_{false};
    std::atomic<bool> admits_changes_{false};
    std::atomic<bool> has_news_{false};  // since the storage thread last looked
    std::atomic<bool> has_much_{false};
    std::atomic<RedoLog::Position> looked_until_{0};   // where the log ended when the storage thread last looked
    RedoCounts<std::atomic<std::uint64_t>> appended_;  // by this process
    std::atomic<std::int64_t> first_finished_at_{0};   // of what is news; 0: none
};

}  // namespace jiro::delivery
