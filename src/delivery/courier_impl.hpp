// SPDX-License-Identifier: MIT
#pragma once
// The courier's state and its steps. courier.cpp: what others call, and the loop; courier_answer.cpp: what follows an
// answer.

#include <deque>
#include <map>
#include <set>

#include "delivery/channel_gate.hpp"
#include "delivery/retry_policy.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/delivery/courier.hpp"

namespace jiro::delivery {

// One result in the courier's hands: held in the outbox, or (not stored) nowhere else.
struct OutgoingResult {
    DueRow row;
    bool is_stored = true;
    bool is_admitted = true;  // false: its command was refused, so that the outbox has no row of it before it is stored
    TraceContext trace{};     // while it is in memory; the outbox does not keep it
    std::string last_error{};  // of its attempts since it is in memory

    [[nodiscard]] std::size_t bytes() const { return row.message->size() + (row.whole ? row.whole->size() : 0); }
};

class Courier::Impl {
  public:
    Impl(Executor executor, Outbox& outbox, std::shared_ptr<ResultSender> sender, Clock& clock, RandomSource& random,
         GrpcSettings grpc, OutboxSettings outbox_settings, CourierObserver observer);

    [[nodiscard]] Task<> run();
    [[nodiscard]] Task<Result<>> finish(OutgoingResult outgoing);
    [[nodiscard]] Task<bool> drain(TimePoint deadline);
    [[nodiscard]] CourierFigures figures() const;
    void notify();
    void retry_now();
    void let_go(const std::string& id);
    void write_down();
    void use(std::shared_ptr<ResultSender> sender);
    void update(const GrpcSettings& grpc, const OutboxSettings& outbox);

  private:
    // The loop's steps.
    [[nodiscard]] Task<> loop();
    void wake_loop();
    [[nodiscard]] Task<> until_woken();
    void wake_waiting();
    void send_or_wake();  // after a result came or an attempt ended
    [[nodiscard]] bool only_ready_work_left() const;
    void return_to_outbox();
    // Of what is stored and not on its way, all that `leaves` says; returns how many.
    std::size_t take_out(const std::function<bool(const OutgoingResult&)>& leaves);
    void give_back(const OutgoingResult& outgoing);
    [[nodiscard]] Task<> fetch();
    void send_ready();
    [[nodiscard]] Task<> store_unsaved();
    [[nodiscard]] Task<bool> store(OutgoingResult& outgoing);  // awaited at once
    [[nodiscard]] Task<> expire_and_rescan();
    [[nodiscard]] TimePoint next_event() const;
    [[nodiscard]] std::optional<WallTime> oldest_unsaved() const;

    // One attempt and what follows.
    [[nodiscard]] Task<> deliver(OutgoingResult outgoing);
    [[nodiscard]] Task<> watch_calls();
    [[nodiscard]] std::optional<Decision> judge(const OutgoingResult& outgoing, SendResult& answer, TimePoint started);
    [[nodiscard]] Decision decision_for(const OutgoingResult& outgoing, const SendResult& answer) const;
    void confirmed(const OutgoingResult& outgoing, StatusCode code);
    [[nodiscard]] Task<> failed(OutgoingResult outgoing, Decision decision, bool is_open);
    [[nodiscard]] Task<> give_up(OutgoingResult outgoing, Decision decision);
    [[nodiscard]] Task<> cut_and_resend(OutgoingResult outgoing, Decision decision);
    void try_later(OutgoingResult outgoing, const Decision& decision);
    void try_much_later(OutgoingResult outgoing, Decision decision);
    void suspect(const std::string& id);
    void step_behind(OutgoingResult outgoing, Decision decision);
    void after_failed_probe(OutgoingResult outgoing, const Decision& decision);
    void note_failure(const OutgoingResult& outgoing, const Decision& decision, const SendResult& answer,
                      TimePoint started);

    void take(OutgoingResult outgoing);  // into ready_
    void keep_unsaved(OutgoingResult outgoing);
    void tell_lost();
    void put_off(OutgoingResult outgoing, Duration delay);
    void has_backlog() { has_backlog_ = true; }
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] std::size_t rows_ready() const;
    [[nodiscard]] bool has_room_for_rows() const;
    [[nodiscard]] std::size_t in_hand() const { return ready_.size() + waiting_.size() + in_flight_ + being_stored_; }
    [[nodiscard]] Duration between(Duration low, Duration high) { return random_.between(low, high); }
    [[nodiscard]] Duration age_of(const DueRow& row) const;
    [[nodiscard]] Task<> tell_when_written();
    void note_change() {
        ++changes_;
        changed_.notify();
    }

    Executor executor_;
    Outbox& outbox_;
    std::shared_ptr<ResultSender> sender_;  // shared with the calls under way
    Clock& clock_;
    RandomSource& random_;
    RetryRules rules_;
    const CourierObserver observer_;

    ChannelGate gate_;
    Event woken_;
    bool is_woken_ = false;  // since the loop's last turn
    Event changed_;          // what is in hand, or in the outbox
    std::uint64_t changes_ = 0;
    TaskGroup calls_;
    std::deque<OutgoingResult> ready_;                  // to be sent as soon as the gate allows, in this order
    std::multimap<TimePoint, OutgoingResult> waiting_;  // between fast attempts
    std::size_t in_flight_ = 0;
    std::size_t being_stored_ = 0;   // taken out of the two above by store_unsaved()
    std::size_t bytes_in_hand_ = 0;  // of messages in ready_, waiting_ and in flight
    std::size_t unsaved_ = 0;        // parcels in hand that are not stored
    bool is_running_ = false;
    bool is_watching_ = false;               // the calls in flight
    bool has_backlog_ = true;                // due rows may lie in the outbox that are not in hand
    bool wants_all_due_now_ = true;          // postponed rows are to become due now: at a start as at a reload
    TimePoint next_due_ = TimePoint::max();  // when a postponed row becomes due
    TimePoint next_rescan_{};
    TimePoint next_store_ = TimePoint::max();
    TimePoint next_lost_line_{};
    std::uint64_t lost_told_ = 0;
    std::string last_probe_;  // the result that the last failed probes carried, and how many
    int probes_of_it_ = 0;
    // Results with which the server refused us: perhaps it takes all others.
    std::set<std::string> suspects_;
    int new_suspects_ = 0;  // since a result was confirmed
    TimePoint last_confirmed_{};

    CourierFigures figures_;  // what is counted; the rest is read off the members above
};

}  // namespace jiro::delivery
