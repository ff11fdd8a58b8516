// SPDX-License-Identifier: MIT
#include "jiro/delivery/courier.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "delivery/courier_impl.hpp"
#include "delivery/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxInHand = 1024;  // results held in memory; more wait in the outbox
constexpr std::size_t kMaxBytesInHand = 16 * 1024 * 1024;
constexpr std::size_t kFetch = 128;
constexpr Duration kRescan = 30s;
constexpr Duration kStoreAgain = 2s;
constexpr Duration kFetchAgain = 1s;
constexpr Duration kLookAtCalls = 100ms;

GateRules gate_rules(const GrpcSettings& grpc) {
    GateRules rules;
    rules.probe_delay = std::max<Duration>(grpc.retry_delay, 100ms);
    rules.failures_to_close = grpc.max_retries + 1;
    return rules;
}

}  // namespace

Courier::Impl::Impl(Executor executor, Outbox& outbox, std::shared_ptr<ResultSender> sender, Clock& clock,
                    RandomSource& random, GrpcSettings grpc, OutboxSettings outbox_settings, CourierObserver observer)
    : executor_(std::move(executor)),
      outbox_(outbox),
      sender_(std::move(sender)),
      clock_(clock),
      random_(random),
      rules_(RetryRules::from(grpc, outbox_settings)),
      observer_(std::move(observer)),
      gate_(gate_rules(grpc), random),
      woken_(executor_),
      changed_(executor_),
      calls_([](const std::exception_ptr& failure) { std::rethrow_exception(failure); }) {}

Task<> Courier::Impl::run() {
    std::exception_ptr stop;
    is_running_ = true;
    try {
        co_await loop();
    } catch (...) {
        stop = std::current_exception();
    }
    is_running_ = false;
    // Cancelled. The calls in flight use this object: see them end. Their rows stay in the outbox, and what has none
    // yet gets one.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    calls_.abort();
    co_await calls_.wait();
    next_store_ = {};
    co_await store_unsaved();
    next_lost_line_ = {};
    tell_lost();
    if (unsaved_ > 0) {
        courier_log.error("Results are lost: they could be neither sent nor stored", {{"count", unsaved_}});
    }
    if (stop) std::rethrow_exception(stop);
}

Task<> Courier::Impl::loop() {
    while (true) {
        wake_waiting();
        if (gate_.state() != ChannelState::open) return_to_outbox();
        co_await expire_and_rescan();
        co_await store_unsaved();
        co_await fetch();
        send_ready();
        note_change();
        const Duration left = next_event() - clock_.now();
        auto woken = until_woken();
        if (left > Duration::zero()) co_await with_timeout(clock_, left, std::move(woken));
        is_woken_ = false;
    }
}

void Courier::Impl::wake_loop() {
    is_woken_ = true;
    woken_.notify();
}

Task<> Courier::Impl::until_woken() {
    while (!is_woken_) co_await woken_.wait();
}

// The common case, a result that goes out at once on an open channel, does without a turn of the loop.
void Courier::Impl::send_or_wake() {
    note_change();
    if (!is_running_) return;
    if (only_ready_work_left()) {
        send_ready();
    } else {
        wake_loop();
    }
}

// Nothing but ready_ for the loop to look after.
bool Courier::Impl::only_ready_work_left() const {
    return gate_.state() == ChannelState::open && !has_backlog_ && !wants_all_due_now_ && unsaved_ == 0 &&
           waiting_.empty() && next_due_ == TimePoint::max();
}

void Courier::Impl::wake_waiting() {
    const auto now = clock_.now();
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        ready_.push_back(std::move(waiting_.begin()->second));
        waiting_.erase(waiting_.begin());
    }
    if (next_due_ <= now) {
        next_due_ = TimePoint::max();
        has_backlog();
    }
}

// While the channel is not open, results wait in the outbox, where they cost no memory and the oldest is the next
// probe. Those that are not stored stay.
void Courier::Impl::return_to_outbox() {
    take_out([this](const OutgoingResult& outgoing) {
        give_back(outgoing);
        return true;
    });
}

std::size_t Courier::Impl::take_out(const std::function<bool(const OutgoingResult&)>& leaves) {
    const auto is_taken = [&](const OutgoingResult& outgoing) {
        if (!outgoing.is_stored || !leaves(outgoing)) return false;
        bytes_in_hand_ -= outgoing.bytes();
        return true;
    };
    return std::erase_if(ready_, is_taken) +
           std::erase_if(waiting_, [&](const auto& entry) { return is_taken(entry.second); });
}

// It keeps its place there, and its count.
void Courier::Impl::give_back(const OutgoingResult& outgoing) {
    const DueRow& row = outgoing.row;
    has_backlog();
    if (row.attempts == 0 && outgoing.last_error.empty()) return outbox_.released({row.id});
    outbox_.postponed({row.id, row.attempts, row.refusals, std::nullopt, outgoing.last_error});
}

void Courier::Impl::write_down() {
    for (const auto& [when, outgoing] : waiting_) {
        if (!outgoing.is_stored) continue;
        const DueRow& row = outgoing.row;
        const auto due_at = outbox_.now() + std::chrono::duration_cast<WallTime::duration>(when - clock_.now());
        outbox_.postponed({row.id, row.attempts, row.refusals, due_at, outgoing.last_error, Lease::yes});
    }
}

Task<> Courier::Impl::fetch() {
    const std::size_t window = gate_.window(clock_.now());
    if (wants_all_due_now_) {
        wants_all_due_now_ = false;
        const auto made_due = co_await outbox_.make_all_due_now();
        if (!made_due) wants_all_due_now_ = true;
    }
    if (!has_backlog_ || window <= in_flight_ || rows_ready() >= window || !has_room_for_rows()) co_return;
    const std::size_t limit = gate_.state() == ChannelState::open ? kFetch : 1;
    has_backlog_ = false;  // unless somebody says so while the rows are read
    auto rows = co_await outbox_.due(limit);
    if (!rows) {
        next_due_ = std::min(next_due_, clock_.now() + kFetchAgain);
        co_return;
    }
    if (!rows->empty()) has_backlog();
    auto place = unsaved_ > 0 ? ready_.begin() : ready_.end();
    for (auto& row : *rows) {
        OutgoingResult outgoing{.row = std::move(row)};
        bytes_in_hand_ += outgoing.bytes();
        place = std::next(ready_.insert(place, std::move(outgoing)));
    }
    if (has_backlog_) co_return;
    const auto due = co_await outbox_.next_due();
    if (!due || !*due) co_return;
    const Duration left = std::max<Duration>(Duration::zero(), **due - outbox_.now());
    next_due_ = std::min(next_due_, clock_.now() + std::max<Duration>(left, 1ms));
}

void Courier::Impl::send_ready() {
    while (!ready_.empty() && in_flight_ < gate_.window(clock_.now())) {
        ++in_flight_;
        OutgoingResult outgoing = std::move(ready_.front());
        ready_.pop_front();
        calls_.spawn(executor_, deliver(std::move(outgoing)));
    }
    if (in_flight_ > 0 && !std::exchange(is_watching_, true)) calls_.spawn(executor_, watch_calls());
}

Task<> Courier::Impl::watch_calls() {
    const AtEnd at_end([this] { is_watching_ = false; });
    while (in_flight_ > 0) {
        sender_->watch();
        co_await clock_.sleep_for(kLookAtCalls);
    }
}

// What could not be stored (disk full) is stored when the disk allows: what is next, and what waits for its next
// attempt. Whatever ends this, a parcel is in hand again.
Task<> Courier::Impl::store_unsaved() {
    if (unsaved_ == 0 || clock_.now() < next_store_) co_return;
    next_store_ = clock_.now() + kStoreAgain;
    bool goes_on = true;
    for (std::size_t left = ready_.size(); left > 0 && !ready_.empty(); --left) {
        OutgoingResult outgoing = std::move(ready_.front());
        ready_.pop_front();
        being_stored_ = 1;
        const AtEnd at_end([&] {
            being_stored_ = 0;
            ready_.push_back(std::move(outgoing));
        });
        if (goes_on) goes_on = co_await store(outgoing);
    }
    while (goes_on) {
        const auto next = std::ranges::find_if(waiting_, [](const auto& entry) { return !entry.second.is_stored; });
        if (next == waiting_.end()) break;
        const TimePoint when = next->first;
        OutgoingResult outgoing = std::move(next->second);
        waiting_.erase(next);
        being_stored_ = 1;
        const AtEnd at_end([&] {
            being_stored_ = 0;
            waiting_.emplace(when, std::move(outgoing));
        });
        goes_on = co_await store(outgoing);
    }
}

// False: there is still no room, the others need not be tried.
Task<bool> Courier::Impl::store(OutgoingResult& outgoing) {
    if (outgoing.is_stored) co_return true;
    const Bytes whole = outgoing.row.whole ? outgoing.row.whole : outgoing.row.message;
    const auto stored = co_await outbox_.finished(outgoing.row.id, outgoing.row.kind, whole, Lease::yes);
    // A commit that was reported as failed may be on the disk all the same: then it has this outcome.
    if (!stored && stored.error().code != errc::wrong_state) co_return false;
    if (outgoing.row.whole) {
        const auto replaced = co_await outbox_.replaced(outgoing.row.id, outgoing.row.message);
        if (!replaced) co_return false;
    }
    outgoing.is_stored = true;
    --unsaved_;
    co_return true;
}

// Every half minute: rows past their age while nothing is attempted, and whatever an announcement was missed for.
Task<> Courier::Impl::expire_and_rescan() {
    const auto now = clock_.now();
    if (now < next_rescan_) co_return;
    next_rescan_ = now + kRescan;
    tell_lost();
    if (outbox_.figures().pending > in_hand()) has_backlog();
    if (gate_.state() == ChannelState::open) co_return;
    const auto expired = co_await outbox_.expire(rules_.max_age, rules_.attempts(), kFetch);
    if (!expired) co_return;
    for (const auto& id : *expired) {
        suspects_.erase(id);
        courier_log.error("Result undeliverable: kept as a dead letter",
                          {{"command_sync_id", id}, {"reason", "undelivered for longer than Outbox.MaxAgeHours"}});
        if (observer_.given_up) observer_.given_up(id);
    }
    figures_.dead_letters += expired->size();
    if (expired->size() == kFetch) next_rescan_ = now + 100ms;
}

TimePoint Courier::Impl::next_event() const {
    TimePoint next = std::min(next_rescan_, next_due_);
    if (!waiting_.empty()) next = std::min(next, waiting_.begin()->first);
    if (unsaved_ > 0) next = std::min(next, next_store_);
    if (gate_.state() != ChannelState::open && gate_.next_probe() > clock_.now())
        next = std::min(next, gate_.next_probe());
    return next;
}

Task<Result<>> Courier::Impl::finish(OutgoingResult outgoing) {
    outgoing.row.finished_at = outbox_.now();
    // From memory when it is next anyway; behind a backlog it takes its turn in the outbox.
    const Lease lease = !has_backlog_ && gate_.state() == ChannelState::open && has_room() ? Lease::yes : Lease::no;
    const auto stored = co_await outbox_.finished(outgoing.row.id, outgoing.row.kind, outgoing.row.message, lease);
    if (!stored && stored.error().code == errc::wrong_state) {
        // It has an outcome already: that one counts.
        courier_log.warn("A second outcome for the same command was ignored", {{"command_sync_id", outgoing.row.id}});
    } else if (!stored) {
        keep_unsaved(std::move(outgoing));
    } else if (lease == Lease::yes) {
        take(std::move(outgoing));
    } else {
        has_backlog();
    }
    send_or_wake();
    co_return stored;
}

void Courier::Impl::take(OutgoingResult outgoing) {
    bytes_in_hand_ += outgoing.bytes();
    ready_.push_back(std::move(outgoing));
}

void Courier::Impl::keep_unsaved(OutgoingResult outgoing) {
    if (!has_room()) {
        ++figures_.lost;
        return tell_lost();
    }
    courier_log.warn("A result could not be stored and is kept in memory until it is sent");
    outgoing.is_stored = false;
    ++unsaved_;
    if (unsaved_ == 1) next_store_ = clock_.now() + kStoreAgain;
    take(std::move(outgoing));
}

// One line for many: they come as fast as commands are refused.
void Courier::Impl::tell_lost() {
    if (figures_.lost == lost_told_ || clock_.now() < next_lost_line_) return;
    next_lost_line_ = clock_.now() + kRescan;
    courier_log.error("Results are lost: they could be neither stored nor kept in memory",
                      {{"count", figures_.lost - std::exchange(lost_told_, figures_.lost)}});
}

// Results that are not stored do not count against the window for stored rows: a full outbox gets room only by the
// delivery of its rows, which a flood of commands that it refuses must not keep waiting.
std::size_t Courier::Impl::rows_ready() const {
    if (unsaved_ == 0) return ready_.size();
    return static_cast<std::size_t>(std::ranges::count_if(ready_, &OutgoingResult::is_stored));
}

bool Courier::Impl::has_room_for_rows() const {
    return has_room() || (unsaved_ >= in_hand() / 2 && bytes_in_hand_ < kMaxBytesInHand);
}

bool Courier::Impl::has_room() const { return in_hand() < kMaxInHand && bytes_in_hand_ < kMaxBytesInHand; }

void Courier::Impl::notify() {
    has_backlog();
    wake_loop();
}

void Courier::Impl::retry_now() {
    sender_->reset();
    gate_.retry_now(clock_.now());
    std::erase_if(waiting_, [this](auto& entry) {
        const bool is_refused = entry.second.row.refusals > 0;  // its tries are few, and spaced
        if (!is_refused) ready_.push_back(std::move(entry.second));
        return !is_refused;
    });
    next_rescan_ = {};
    suspects_.clear();
    wants_all_due_now_ = true;
    notify();
}

void Courier::Impl::let_go(const std::string& id) {
    suspects_.erase(id);
    if (take_out([&](const OutgoingResult& outgoing) { return outgoing.row.id == id; }) > 0) outbox_.released({id});
}

void Courier::Impl::use(std::shared_ptr<ResultSender> sender) {
    sender_->cancel_calls();
    sender_ = std::move(sender);
}

void Courier::Impl::update(const GrpcSettings& grpc, const OutboxSettings& outbox) {
    rules_ = RetryRules::from(grpc, outbox);
    gate_.set_rules(gate_rules(grpc));
}

Task<bool> Courier::Impl::drain(TimePoint deadline) {
    std::optional<std::uint64_t> asked;
    next_store_ = {};
    wake_loop();
    while (in_hand() > 0 || outbox_.figures().pending > 0) {
        const bool is_waiting_no_use = gate_.state() != ChannelState::open && unsaved_ == 0;
        if (is_waiting_no_use || clock_.now() >= deadline) co_return false;
        if (in_hand() == 0 && asked != changes_) {
            asked = changes_;
            calls_.spawn(executor_, tell_when_written());
        }
        auto change = changed_.wait();
        co_await with_timeout(clock_, deadline - clock_.now(), std::move(change));
    }
    co_return true;
}

// The outbox answers when what was confirmed before is written down, and counted in its figures.
Task<> Courier::Impl::tell_when_written() {
    const auto written = co_await outbox_.next_due();
    static_cast<void>(written);
    changed_.notify();
}

CourierFigures Courier::Impl::figures() const {
    CourierFigures figures = figures_;
    figures.unsaved = unsaved_;
    figures.oldest_unsaved = oldest_unsaved();
    figures.in_flight = in_flight_;
    figures.channel = gate_.state();
    figures.channel_reason = gate_.reason();
    if (figures.channel != ChannelState::open) figures.next_probe = gate_.next_probe();
    return figures;
}

std::optional<WallTime> Courier::Impl::oldest_unsaved() const {
    std::optional<WallTime> oldest;
    if (unsaved_ == 0) return oldest;
    const auto look_at = [&](const OutgoingResult& outgoing) {
        if (!outgoing.is_stored) oldest = std::min(oldest.value_or(WallTime::max()), outgoing.row.finished_at);
    };
    for (const auto& outgoing : ready_) look_at(outgoing);
    for (const auto& entry : waiting_) look_at(entry.second);
    return oldest;
}

Courier::Courier(Executor executor, Outbox& outbox, std::shared_ptr<ResultSender> sender, Clock& clock,
                 RandomSource& random, GrpcSettings grpc, OutboxSettings outbox_settings, CourierObserver observer)
    : impl_(std::make_unique<Impl>(std::move(executor), outbox, std::move(sender), clock, random, std::move(grpc),
                                   std::move(outbox_settings), std::move(observer))) {}

Courier::~Courier() = default;

Task<> Courier::run() { return impl_->run(); }
// Not a coroutine: the command goes into its message here, and need not be kept.
Task<Result<>> Courier::finish(FinishedCommand&& command, Admitted admitted) {
    OutgoingResult outgoing;
    outgoing.is_admitted = admitted == Admitted::yes;
    outgoing.row.id = command.message.command_sync_id;
    outgoing.row.kind = command.result.outcome;
    outgoing.trace = std::move(command.message.trace);
    outgoing.row.message = serialise(std::move(command));
    return impl_->finish(std::move(outgoing));
}
void Courier::notify() { impl_->notify(); }
void Courier::let_go(const std::string& id) { impl_->let_go(id); }
void Courier::write_down() { impl_->write_down(); }
void Courier::use(std::shared_ptr<ResultSender> sender) { impl_->use(std::move(sender)); }
void Courier::update(const GrpcSettings& grpc, const OutboxSettings& outbox) { impl_->update(grpc, outbox); }
void Courier::retry_now() { impl_->retry_now(); }
Task<bool> Courier::drain(TimePoint deadline) { return impl_->drain(deadline); }
CourierFigures Courier::figures() const { return impl_->figures(); }

}  // namespace jiro::delivery
