// SPDX-License-Identifier: MIT
#include "delivery/retry_policy.hpp"

#include <algorithm>
#include <array>

#include "jiro/base/backoff.hpp"
#include "jiro/base/enum_names.hpp"
#include "jiro/base/text.hpp"

namespace jiro::delivery {

namespace {

using namespace std::chrono_literals;

constexpr Duration kSlowCap = 10min;
// A refusal of the content survives a bad deployment of the server: two more tries, spaced so, then a dead letter.
constexpr std::array<Duration, 2> kRefusalDelays{Duration(1min), Duration(10min)};

enum class Treatment { delivered, transient, doubtful, too_much, refused_us, refused_content };

Treatment treatment_of(const SendResult& answer) {
    switch (answer.code) {
        case StatusCode::ok:
            return answer.success ? Treatment::delivered : Treatment::doubtful;
        case StatusCode::already_exists:
            return Treatment::delivered;  // a lost reply: the server has it

        case StatusCode::unavailable:        // no connection, a restart, a proxy's 429, 502, 503, 504
        case StatusCode::deadline_exceeded:  // may have arrived: the idempotency key makes the repetition harmless
        case StatusCode::aborted:
        case StatusCode::cancelled:  // not by us: Courier::use() puts those back
            return Treatment::transient;

        case StatusCode::unknown:   // an exception in the server's handler, or odd answers of a proxy
        case StatusCode::internal:  // a bug there, or a proxy's 400, 431
            return Treatment::doubtful;

        case StatusCode::resource_exhausted:
            // A quota, a rate limit, an overloaded proxy. Or gRPC's own word for an answer that it finds too long: then
            // the server is there, and may well have taken it.
            return answer.is_local ? Treatment::doubtful : Treatment::too_much;

        case StatusCode::unauthenticated:    // or a proxy's 401
        case StatusCode::permission_denied:  // or a proxy's 403
        case StatusCode::unimplemented:      // or a proxy's 404: nothing wrong with the result
            return Treatment::refused_us;

        case StatusCode::invalid_argument:
        case StatusCode::failed_precondition:
        case StatusCode::out_of_range:
        case StatusCode::data_loss:
        case StatusCode::not_found:
            return Treatment::refused_content;
    }
    return Treatment::doubtful;
}

std::string describe(const SendResult& answer) {
    std::string text =
        answer.code == StatusCode::ok ? std::string("success=false") : std::string(to_string(answer.code));
    if (!answer.message.empty()) text.append(": ").append(answer.message, 0, 500);
    return text;
}

void between(Decision& decision, Duration low, Duration high) {
    decision.min_delay = low;
    decision.max_delay = std::max(low, high);
}

// MaxRetries fast attempts with full jitter, then the outbox's slow path.
void retry(Decision& decision, const RetryRules& rules, int attempts, int factor) {
    if (attempts <= rules.max_retries) {
        decision.action = Action::retry_fast;
        between(decision, Duration::zero(),
                factor * backoff_ceiling({rules.retry_delay, rules.max_retry_delay}, attempts));
        return;
    }
    decision.action = Action::retry_slow;
    const Duration cap = std::max(kSlowCap, rules.max_retry_delay);
    const Duration ceiling = std::min(
        cap, factor * backoff_ceiling({rules.max_retry_delay, cap}, std::min(attempts - rules.max_retries, 64)));
    between(decision, ceiling / 2, ceiling);
}

}  // namespace

RetryRules RetryRules::from(const GrpcSettings& grpc, const OutboxSettings& outbox) {
    return {grpc.max_retries, grpc.retry_delay, grpc.max_retry_delay, outbox.max_age};
}

Decision decide(const RetryRules& rules, const SendResult& answer, const AttemptFacts& facts) {
    Decision decision;
    decision.reason = describe(answer);
    const bool is_spent = rules.is_spent(facts.age, facts.attempts);
    const auto limit = size_limit(answer, facts.bytes);
    if (limit && !(facts.is_cut && is_spent)) {
        retry(decision, rules, facts.attempts, 1);
        decision.action = Action::cut_and_resend;
        decision.cut_to = *limit;
        return decision;
    }
    switch (treatment_of(answer)) {
        case Treatment::delivered:
            decision.action = Action::delivered;
            decision.channel = ChannelHint::works;
            return decision;
        case Treatment::transient:
            decision.channel = ChannelHint::away;
            retry(decision, rules, facts.attempts, 1);
            break;
        case Treatment::doubtful:
            retry(decision, rules, facts.attempts, 1);
            break;
        case Treatment::too_much:
            decision.channel = ChannelHint::away;
            retry(decision, rules, facts.attempts, 4);
            break;
        case Treatment::refused_us:
            decision.is_denial = !answer.is_local;
            retry(decision, rules, std::max(facts.attempts, rules.attempts()), 1);
            if (!facts.takes_others) decision.channel = ChannelHint::refuses;
            break;
        case Treatment::refused_content: {
            decision.is_refusal = true;
            if (!answer.is_local) decision.channel = ChannelHint::content;
            const auto tries = static_cast<std::size_t>(facts.refusals);
            if (tries >= kRefusalDelays.size()) {
                decision.action = Action::dead;
                decision.reason = "refused " + std::to_string(tries + 1) + " times, at last with " + decision.reason;
                return decision;
            }
            decision.action = Action::retry_slow;
            between(decision, kRefusalDelays[tries], kRefusalDelays[tries] * 5 / 4);
            break;
        }
    }
    if (is_spent) {
        decision.action = Action::dead;
        decision.reason = "undelivered for longer than Outbox.MaxAgeHours, at last " + decision.reason;
        return decision;
    }
    if (answer.retry_after) {
        const Duration asked = *answer.retry_after;
        if (asked > decision.max_delay) {
            // What the server asks for, spread a little so that its clients do not come back together.
            if (asked > rules.max_retry_delay) decision.action = Action::retry_slow;
            between(decision, asked, std::min<Duration>(asked * 5 / 4, BoundedDuration::kMost));
        } else {
            between(decision, std::max(asked, decision.min_delay), decision.max_delay);
        }
    }
    return decision;
}

std::string_view to_string(StatusCode code) noexcept {
    static const auto kNames = [] {
        constexpr auto kEnumerators = enum_names<StatusCode::ok, StatusCode::unauthenticated>;
        std::array<std::string, kEnumerators.size()> names;
        std::ranges::transform(kEnumerators, names.begin(), upper_case);
        return names;
    }();
    const auto index = static_cast<std::size_t>(code);
    return index < kNames.size() ? std::string_view(kNames[index]) : "";
}

}  // namespace jiro::delivery
