// SPDX-License-Identifier: MIT
// What follows one attempt. The decision is retry_policy's, the channel's state channel_gate's; this carries them out.
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "delivery/courier_impl.hpp"
#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

// So often may the same result be the failing probe; then another one has a try.
constexpr int kProbesOfOneResult = 3;
constexpr std::size_t kMostSuspects = 1024;
// Beyond these the server may take no others any more.
constexpr int kMostNewSuspects = 4;
constexpr Duration kLately = 1min;
// A result that the server refuses and the disk does not take.
constexpr Duration kUnstorableAgain = 10min;

std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string why_cut(const SizeLimit& limit) {
    if (!limit.is_named) return "the server, or a proxy before it, refused the whole as too big";
    return "the server accepts at most " + std::to_string(limit.bytes) + " bytes";
}

std::string_view advice(StatusCode code) {
    switch (code) {
        case StatusCode::unauthenticated:
            return "check AccessToken, ApiKey and Grpc.Tls, then reload";
        case StatusCode::permission_denied:
            return "check what the server allows this client, then reload";
        case StatusCode::unimplemented:
            return "check that Grpc.ServerUrl is the gRPC address of the server, then reload";
        default:
            return "none needed: results are kept and go out when the server is back";
    }
}

}  // namespace

Task<> Courier::Impl::deliver(OutgoingResult outgoing) {
    {
        const AtEnd at_end([this, bytes = outgoing.bytes()] {
            --in_flight_;
            bytes_in_hand_ -= bytes;
        });
        const int number = outgoing.row.attempts + 1;
        ++figures_.attempts;
        if (number > 1) ++figures_.retries;
        const auto started = clock_.now();
        JIRO_FAILPOINT("c6_before_rpc");
        const auto sender = sender_;  // use() may put another one in its place meanwhile
        SendResult answer;
        try {
            answer = co_await sender->send(outgoing.row.message, outgoing.row.id, number, outgoing.trace);
        } catch (...) {  // the end of run(), which stores what is nowhere else
            if (!outgoing.is_stored) put_off(std::move(outgoing), Duration::zero());
            throw;
        }
        // Nothing but storage is waited for from here on, also at the end of run(): else the parcel would end with it.
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
        JIRO_FAILPOINT("c8_reply_received");
        if (answer.is_by_us) {
            put_off(std::move(outgoing), Duration::zero());
        } else if (auto decision = judge(outgoing, answer, started)) {
            const bool is_open = gate_.state() == ChannelState::open;
            co_await failed(std::move(outgoing), std::move(*decision), is_open);
        }
    }
    send_or_wake();
}

// Nothing: it is delivered.
std::optional<Decision> Courier::Impl::judge(const OutgoingResult& outgoing, SendResult& answer, TimePoint started) {
    if (observer_.answered) observer_.answered(answer);
    Decision decision = decision_for(outgoing, answer);
    if (decision.action == Action::delivered) {
        confirmed(outgoing, answer.code);
        return std::nullopt;
    }
    note_failure(outgoing, decision, answer, started);
    return decision;
}

Task<> Courier::Impl::failed(OutgoingResult outgoing, Decision decision, bool is_open) {
    if (decision.is_denial) suspect(outgoing.row.id);
    switch (decision.action) {
        case Action::delivered:
            break;  // not here
        case Action::cut_and_resend:
            co_await cut_and_resend(std::move(outgoing), std::move(decision));
            break;
        case Action::dead:
            co_await give_up(std::move(outgoing), std::move(decision));
            break;
        case Action::retry_fast:
        case Action::retry_slow:
            if (decision.channel == ChannelHint::refuses) {
                step_behind(std::move(outgoing), std::move(decision));
            } else if (is_open || decision.is_refusal) {
                try_later(std::move(outgoing), decision);
            } else {
                after_failed_probe(std::move(outgoing), decision);
            }
            break;
    }
}

Decision Courier::Impl::decision_for(const OutgoingResult& outgoing, const SendResult& answer) const {
    AttemptFacts facts;
    facts.attempts = outgoing.row.attempts + 1;
    facts.refusals = outgoing.row.refusals;
    facts.age = age_of(outgoing.row);
    facts.bytes = outgoing.row.message->size();
    facts.is_cut = outgoing.row.whole != nullptr;
    // Credentials that cannot be used are no word of the server's about a result.
    const bool is_its_word = gate_.state() == ChannelState::open && !answer.is_local;
    const bool has_taken_others =
        !suspects_.empty() && new_suspects_ < kMostNewSuspects && clock_.now() - last_confirmed_ < kLately;
    facts.takes_others = is_its_word && (has_taken_others || suspects_.contains(outgoing.row.id));
    return decide(rules_, answer, facts);
}

void Courier::Impl::confirmed(const OutgoingResult& outgoing, StatusCode code) {
    const DueRow& row = outgoing.row;
    suspects_.erase(row.id);
    new_suspects_ = 0;
    last_confirmed_ = clock_.now();
    if (!outgoing.is_stored) --unsaved_;
    outbox_.delivered(row.id, outgoing.is_stored || outgoing.is_admitted ? RowIs::there : RowIs::doubtful);
    const Delivery delivery{row.id, age_of(row), row.attempts};
    ++figures_.delivered;
    courier_log.info("Result delivered", {{"command_sync_id", row.id},
                                          {"outcome", to_string(row.kind)},
                                          {"attempt", row.attempts + 1},
                                          {"grpc_status", to_string(code)},
                                          {"latency_ms", milliseconds(delivery.latency)},
                                          {"trace_id", outgoing.trace.trace_id()}});
    const auto was = gate_.state();
    const bool has_opened = gate_.succeeded();
    if (observer_.delivered) observer_.delivered(delivery);
    if (!has_opened) return;
    courier_log.info("The server takes results again",
                     {{"was", to_string(was)}, {"undelivered", outbox_.figures().pending}});
    probes_of_it_ = 0;
    wants_all_due_now_ = true;
    has_backlog();
}

// Counted and called a dead letter only when the outbox keeps it as one. What is not stored is kept in memory until it
// is, or until the server takes it after all: given up, it would be nowhere, and its row would get a second outcome.
Task<> Courier::Impl::give_up(OutgoingResult outgoing, Decision decision) {
    suspects_.erase(outgoing.row.id);
    const bool is_stored = co_await store(outgoing);
    if (!is_stored) {
        courier_log.error("Result undeliverable, and it cannot be stored: kept in memory, tried again",
                          {{"command_sync_id", outgoing.row.id}, {"reason", decision.reason}});
        ++outgoing.row.attempts;
        if (decision.is_refusal) ++outgoing.row.refusals;
        put_off(std::move(outgoing), kUnstorableAgain);
        co_return;
    }
    const auto kept = co_await outbox_.dead(outgoing.row.id, decision.reason);
    if (kept) {
        ++figures_.dead_letters;
        if (observer_.given_up) observer_.given_up(outgoing.row.id);
        courier_log.error("Result undeliverable: kept as a dead letter",
                          {{"command_sync_id", outgoing.row.id}, {"reason", decision.reason}});
        co_return;
    }
    courier_log.error("Result undeliverable, which could not be recorded: it will be tried again",
                      {{"command_sync_id", outgoing.row.id}, {"error", kept.error().message}});
    outbox_.released({outgoing.row.id});
    next_due_ = std::min(next_due_, clock_.now() + 1min);
}

// Always from the whole text, so that what is left out is counted once.
Task<> Courier::Impl::cut_and_resend(OutgoingResult outgoing, Decision decision) {
    const Bytes whole = outgoing.row.whole ? outgoing.row.whole : outgoing.row.message;
    const auto shorter = cut(*whole, decision.cut_to.bytes, why_cut(decision.cut_to));
    if (!shorter && rules_.is_spent(age_of(outgoing.row), outgoing.row.attempts + 1)) {
        co_await give_up(std::move(outgoing), std::move(decision));
        co_return;
    }
    if (!shorter) {
        courier_log.warn("Result too big for the server, and nothing of it can be left out: tried again",
                         {{"command_sync_id", outgoing.row.id}, {"reason", decision.reason}});
        try_much_later(std::move(outgoing), std::move(decision));
        co_return;
    }
    if (outgoing.is_stored) {
        const auto replaced = co_await outbox_.replaced(outgoing.row.id, *shorter);
        if (!replaced && replaced.error().code == errc::wrong_state) co_return;  // it is settled: dropped, or delivered
        if (!replaced) {
            // Only what is stored is sent: the same bytes each time, also after a crash.
            put_off(std::move(outgoing), 5s);
            co_return;
        }
    }
    courier_log.warn("Result too big for the server: a short form is sent, the whole is kept until that is confirmed",
                     {{"command_sync_id", outgoing.row.id},
                      {"bytes", whole->size()},
                      {"left", (*shorter)->size()},
                      {"reason", decision.reason}});
    const bool is_first = outgoing.row.whole == nullptr;
    outgoing.row.whole = whole;
    outgoing.row.message = *shorter;
    if (is_first) {
        ++outgoing.row.attempts;
        put_off(std::move(outgoing), Duration::zero());
    } else {
        // A peer that is never content does not keep us busy, also where the outbox has the rows meanwhile.
        decision.action = Action::retry_slow;
        try_later(std::move(outgoing), decision);
    }
}

void Courier::Impl::try_later(OutgoingResult outgoing, const Decision& decision) {
    ++outgoing.row.attempts;
    outgoing.last_error = decision.reason;
    if (decision.is_refusal) ++outgoing.row.refusals;
    const Duration delay = between(decision.min_delay, decision.max_delay);
    if (decision.action == Action::retry_fast || !outgoing.is_stored) return put_off(std::move(outgoing), delay);
    const auto due_at = outbox_.now() + std::chrono::duration_cast<WallTime::duration>(delay);
    const DueRow& row = outgoing.row;
    outbox_.postponed({row.id, row.attempts, row.refusals, due_at, outgoing.last_error});
    next_due_ = std::min(next_due_, clock_.now() + delay);
}

void Courier::Impl::try_much_later(OutgoingResult outgoing, Decision decision) {
    decision.action = Action::retry_slow;
    decision.min_delay = std::max(decision.min_delay, rules_.max_retry_delay);
    decision.max_delay = std::max(decision.min_delay, decision.max_delay);
    try_later(std::move(outgoing), decision);
}

// It may be this result alone that the server says no to.
void Courier::Impl::suspect(const std::string& id) {
    if (suspects_.contains(id)) return;
    if (suspects_.size() >= kMostSuspects) suspects_.erase(suspects_.begin());
    suspects_.insert(id);
    ++new_suspects_;
}

// The next probe is another one, where there is one.
void Courier::Impl::step_behind(OutgoingResult outgoing, Decision decision) {
    decision.min_delay = std::max(decision.min_delay, gate_.next_probe() - clock_.now());
    try_much_later(std::move(outgoing), std::move(decision));
}

// A failed probe says something of the channel, not of the result, which keeps its place and its count. But one that
// was the failing probe several times steps behind, in case it is what breaks the way for all.
void Courier::Impl::after_failed_probe(OutgoingResult outgoing, const Decision& decision) {
    probes_of_it_ = last_probe_ == outgoing.row.id ? probes_of_it_ + 1 : 1;
    last_probe_ = outgoing.row.id;
    outgoing.last_error = decision.reason;
    const bool is_the_servers_word = decision.channel == ChannelHint::result;
    const bool is_old = age_of(outgoing.row) >= rules_.max_age;  // its attempts count: it may be given up after them
    if (probes_of_it_ < kProbesOfOneResult && !is_the_servers_word && !is_old) {
        if (!outgoing.is_stored) return put_off(std::move(outgoing), Duration::zero());
        return give_back(outgoing);
    }
    probes_of_it_ = 0;
    try_much_later(std::move(outgoing), decision);
}

void Courier::Impl::note_failure(const OutgoingResult& outgoing, const Decision& decision, const SendResult& answer,
                                 TimePoint started) {
    figures_.last_error = decision.reason;
    if (decision.action == Action::cut_and_resend) return;
    const auto was = gate_.state();
    const bool has_changed = gate_.failed(clock_.now(), started, decision.channel, outgoing.row.attempts == 0,
                                          decision.reason, answer.retry_after.value_or(BoundedDuration()));
    if (courier_log.enabled(log::Level::debug)) {
        courier_log.debug("Attempt failed", {{"command_sync_id", outgoing.row.id},
                                             {"attempt", outgoing.row.attempts + 1},
                                             {"grpc_status", to_string(answer.code)},
                                             {"reason", decision.reason}});
    }
    if (!has_changed) {
        if (was == ChannelState::open) {
            courier_log.warn("Result not delivered, trying again", {{"command_sync_id", outgoing.row.id},
                                                                    {"attempt", outgoing.row.attempts + 1},
                                                                    {"grpc_status", to_string(answer.code)},
                                                                    {"reason", decision.reason},
                                                                    {"trace_id", outgoing.trace.trace_id()}});
        }
        return;
    }
    const auto wait = milliseconds(gate_.next_probe() - clock_.now());
    if (gate_.state() == ChannelState::parked) {
        courier_log.error(answer.is_local ? "Results cannot be sent: delivery is parked, nothing is lost"
                                          : "The server refuses our results: delivery is parked, nothing is lost",
                          {{"grpc_status", to_string(answer.code)},
                           {"reason", decision.reason},
                           {"advice", advice(answer.code)},
                           {"next_attempt_ms", wait}});
    } else {
        courier_log.warn(
            "The server takes no results: trying one at a time",
            {{"grpc_status", to_string(answer.code)}, {"reason", decision.reason}, {"next_attempt_ms", wait}});
    }
}

void Courier::Impl::put_off(OutgoingResult outgoing, Duration delay) {
    bytes_in_hand_ += outgoing.bytes();
    if (delay <= Duration::zero()) {
        ready_.push_front(std::move(outgoing));
    } else {
        waiting_.emplace(clock_.now() + delay, std::move(outgoing));
    }
}

Duration Courier::Impl::age_of(const DueRow& row) const {
    return std::max<Duration>(Duration::zero(), outbox_.now() - row.finished_at);
}

}  // namespace jiro::delivery
