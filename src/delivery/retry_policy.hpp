// SPDX-License-Identifier: MIT
#pragma once
// What an answer of the server (or its absence) means for one result: a pure table of status x attempts x age x size.
// The courier carries the decision out; what it means for the channel as a whole is channel_gate's part.

#include <string>

#include "delivery/size_limit.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/delivery/result_sender.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

struct AttemptFacts {
    int attempts = 1;           // failed ones of this result, with this one
    int refusals = 0;           // of these, before this one, those where the server refused the content
    Duration age{};             // since the command ended
    std::size_t bytes = 0;      // of the message
    bool is_cut = false;        // it is a short form already
    bool takes_others = false;  // the server refused us with this one, or another, and has taken others since
};

enum class Action {
    delivered,
    retry_fast,      // soon, from memory
    retry_slow,      // later, from the outbox: steps behind the healthy ones
    cut_and_resend,  // proven to be too big for the peer: a short form, at once or (if it is one) after the delay
    dead,            // a dead letter, for the reason given
};

// What the answer says about the way to the server.
enum class ChannelHint {
    works,    // it answered and took it
    result,   // it answered, the trouble may be this result's
    content,  // it answered, and refuses this result's content: nothing is wrong with the way
    away,     // unreachable, overloaded or restarting
    refuses,  // wrong credentials or wrong address: trying other results is no use
};

struct Decision {
    Action action = Action::retry_slow;
    ChannelHint channel = ChannelHint::result;
    Duration min_delay{};  // for the retries: uniform between the two
    Duration max_delay{};
    bool is_refusal = false;  // counts as one in AttemptFacts::refusals
    bool is_denial = false;   // the server's word: it refuses us, with this result or with any
    SizeLimit cut_to;         // for cut_and_resend
    std::string reason;       // for people: "UNAVAILABLE: connection refused"
};

struct RetryRules {
    int max_retries = 3;
    Duration retry_delay{};
    Duration max_retry_delay{};
    Duration max_age{};

    // That a result has at the least, before it is given up for its age.
    [[nodiscard]] int attempts() const noexcept { return max_retries + 1; }
    // Never by the clock alone: each result has its attempts, however old it is said to be.
    [[nodiscard]] bool is_spent(Duration age, int failed) const noexcept {
        return age >= max_age && failed >= attempts();
    }

    [[nodiscard]] static RetryRules from(const GrpcSettings& grpc, const OutboxSettings& outbox);
};

[[nodiscard]] Decision decide(const RetryRules& rules, const SendResult& answer, const AttemptFacts& facts);

}  // namespace jiro::delivery
