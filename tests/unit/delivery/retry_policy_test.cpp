// SPDX-License-Identifier: MIT
#include "delivery/retry_policy.hpp"

#include <gtest/gtest.h>

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;

const RetryRules kRules{3, 1s, 30s, 168h};

struct Row {
    const char* name;
    SendResult answer;
    AttemptFacts facts;
    Action action;
    ChannelHint channel;
    Duration min_delay;
    Duration max_delay;
};

SendResult answer(StatusCode code, bool success = false, std::string message = {},
                  std::optional<Duration> retry_after = {}) {
    SendResult result{code, success, std::move(message), {}};
    if (retry_after) result.retry_after = BoundedDuration(*retry_after);
    return result;
}

// Found out by gRPC on this side.
SendResult local(SendResult result) {
    result.is_local = true;
    return result;
}

AttemptFacts after(int attempts, int refusals = 0, Duration age = 1min, std::size_t bytes = 100) {
    return {attempts, refusals, age, bytes, false, false};
}

AttemptFacts while_others_pass(int attempts) {
    AttemptFacts facts = after(attempts);
    facts.takes_others = true;
    return facts;
}

// Every status, at each stage of a result's life, leads to the documented decision.
TEST(RetryPolicy, decides_by_status_attempts_age_and_size) {
    using enum StatusCode;
    const Row rows[] = {
        {"confirmed", answer(ok, true), after(1), Action::delivered, ChannelHint::works, 0s, 0s},
        {"known to the server", answer(already_exists), after(9), Action::delivered, ChannelHint::works, 0s, 0s},
        {"confirmed however old", answer(ok, true), after(9, 0, 999h), Action::delivered, ChannelHint::works, 0s, 0s},

        {"success=false, 1st", answer(ok, false), after(1), Action::retry_fast, ChannelHint::result, 0s, 1s},
        {"success=false, 4th", answer(ok, false), after(4), Action::retry_slow, ChannelHint::result, 15s, 30s},

        {"unavailable, 1st", answer(unavailable), after(1), Action::retry_fast, ChannelHint::away, 0s, 1s},
        {"unavailable, 2nd", answer(unavailable), after(2), Action::retry_fast, ChannelHint::away, 0s, 2s},
        {"unavailable, 3rd", answer(unavailable), after(3), Action::retry_fast, ChannelHint::away, 0s, 4s},
        {"unavailable, 4th", answer(unavailable), after(4), Action::retry_slow, ChannelHint::away, 15s, 30s},
        {"unavailable, 5th", answer(unavailable), after(5), Action::retry_slow, ChannelHint::away, 30s, 60s},
        {"unavailable, 99th", answer(unavailable), after(99), Action::retry_slow, ChannelHint::away, 5min, 10min},
        {"deadline", answer(deadline_exceeded), after(1), Action::retry_fast, ChannelHint::away, 0s, 1s},
        {"aborted", answer(aborted), after(1), Action::retry_fast, ChannelHint::away, 0s, 1s},
        {"cancelled by the server", answer(cancelled), after(1), Action::retry_fast, ChannelHint::away, 0s, 1s},

        {"unknown", answer(unknown), after(1), Action::retry_fast, ChannelHint::result, 0s, 1s},
        {"internal, 4th", answer(internal), after(4), Action::retry_slow, ChannelHint::result, 15s, 30s},
        {"a code that does not exist", answer(static_cast<StatusCode>(77)), after(1), Action::retry_fast,
         ChannelHint::result, 0s, 1s},

        {"over a quota", answer(resource_exhausted), after(1), Action::retry_fast, ChannelHint::away, 0s, 4s},
        {"an answer that is too long, 1st", local(answer(resource_exhausted)), after(1), Action::retry_fast,
         ChannelHint::result, 0s, 1s},
        {"an answer that is too long, 4th", local(answer(resource_exhausted)), after(4), Action::retry_slow,
         ChannelHint::result, 15s, 30s},
        {"too big, says the server",
         answer(resource_exhausted, false, "Received message larger than max (100000 vs. 65536)"),
         after(1, 0, 1s, 100'000), Action::cut_and_resend, ChannelHint::result, 0s, 1s},
        {"too big for a proxy", answer(unknown, false, "Received http2 header with status: 413"),
         after(4, 0, 1s, 1'500'000), Action::cut_and_resend, ChannelHint::result, 15s, 30s},
        {"big, no reason given", answer(resource_exhausted), after(1, 0, 1s, 2'000'000), Action::retry_fast,
         ChannelHint::away, 0s, 4s},
        {"a rate limit for a big one", answer(resource_exhausted, false, "request rate exceeds 100 per minute"),
         after(4, 0, 1s, 2'000'000), Action::retry_slow, ChannelHint::away, 60s, 120s},

        {"unauthenticated", answer(unauthenticated), after(1), Action::retry_slow, ChannelHint::refuses, 15s, 30s},
        {"permission denied", answer(permission_denied), after(50), Action::retry_slow, ChannelHint::refuses, 5min,
         10min},
        {"unimplemented", answer(unimplemented), after(1), Action::retry_slow, ChannelHint::refuses, 15s, 30s},
        {"permission denied for this one only", answer(permission_denied), while_others_pass(2), Action::retry_slow,
         ChannelHint::result, 15s, 30s},

        {"invalid, 1st", answer(invalid_argument), after(1, 0), Action::retry_slow, ChannelHint::content, 60s, 75s},
        {"invalid, 2nd", answer(invalid_argument), after(2, 1), Action::retry_slow, ChannelHint::content, 600s, 750s},
        {"invalid, 3rd", answer(invalid_argument), after(3, 2), Action::dead, ChannelHint::content, 0s, 0s},
        {"not found, 3rd", answer(not_found), after(3, 2), Action::dead, ChannelHint::content, 0s, 0s},
        {"precondition, 3rd", answer(failed_precondition), after(9, 2), Action::dead, ChannelHint::content, 0s, 0s},
        {"out of range, 3rd", answer(out_of_range), after(3, 2), Action::dead, ChannelHint::content, 0s, 0s},
        {"data loss, 3rd", answer(data_loss), after(3, 2), Action::dead, ChannelHint::content, 0s, 0s},
        {"invalid once after an outage", answer(invalid_argument), after(40, 0), Action::retry_slow,
         ChannelHint::content, 60s, 75s},

        {"too old by the clock, but hardly tried", answer(unavailable), after(1, 0, 999h), Action::retry_fast,
         ChannelHint::away, 0s, 1s},
        {"the same with one attempt less than is promised", answer(internal), after(3, 0, 999h), Action::retry_fast,
         ChannelHint::result, 0s, 4s},
        {"too old after the attempts that are promised", answer(internal), after(4, 0, 168h), Action::dead,
         ChannelHint::result, 0s, 0s},
        {"too old, server away", answer(unavailable), after(9, 0, 168h), Action::dead, ChannelHint::away, 0s, 0s},
        {"too old, parked", answer(unauthenticated), after(9, 0, 169h), Action::dead, ChannelHint::refuses, 0s, 0s},

        {"the server asks for 5 s", answer(unavailable, false, "", 5s), after(1), Action::retry_fast, ChannelHint::away,
         5s, 6250ms},
        {"the server asks for 2 min", answer(resource_exhausted, false, "", 120s), after(1), Action::retry_slow,
         ChannelHint::away, 120s, 150s},
        {"the server asks for a year", answer(unavailable, false, "", 8760h), after(1), Action::retry_slow,
         ChannelHint::away, 1h, 1h},
        {"the server asks for 50 min", answer(unavailable, false, "", 50min), after(1), Action::retry_slow,
         ChannelHint::away, 50min, 1h},
        {"the server asks for less than we wait", answer(unavailable, false, "", 1s), after(4), Action::retry_slow,
         ChannelHint::away, 15s, 30s},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Decision decision = decide(kRules, row.answer, row.facts);
        EXPECT_EQ(decision.action, row.action);
        EXPECT_EQ(decision.channel, row.channel);
        if (row.action != Action::dead) {
            EXPECT_EQ(decision.min_delay, row.min_delay);
            EXPECT_EQ(decision.max_delay, row.max_delay);
        }
    }
}

// Nothing but the documented refusals and old age ever makes a dead letter.
TEST(RetryPolicy, gives_up_only_for_refused_content_or_age) {
    for (int code = 0; code <= 20; ++code) {
        for (int attempts = 1; attempts < 1000; attempts += 7) {
            const Decision decision = decide(kRules, answer(static_cast<StatusCode>(code)), after(attempts));
            EXPECT_NE(decision.action, Action::dead) << code << " after " << attempts;
        }
    }
}

// A server that is never content does not keep a short form alive past its age; a first cut it still gets.
TEST(RetryPolicy, gives_up_a_short_form_for_its_age) {
    const auto too_big = answer(StatusCode::resource_exhausted, false, "message size 100000 exceeds limit 65536");
    auto facts = after(4, 0, 200h, 100'000);
    EXPECT_EQ(decide(kRules, too_big, facts).action, Action::cut_and_resend);
    facts.is_cut = true;
    EXPECT_EQ(decide(kRules, too_big, facts).action, Action::dead);
    facts.attempts = 3;
    EXPECT_EQ(decide(kRules, too_big, facts).action, Action::cut_and_resend);
}

// A server's text in the reason is bounded, so that it cannot flood the journal.
TEST(RetryPolicy, keeps_reasons_short) {
    const Decision decision = decide(kRules, answer(StatusCode::internal, false, std::string(100'000, 'x')), after(1));
    EXPECT_LT(decision.reason.size(), 600U);
    EXPECT_TRUE(decision.reason.starts_with("INTERNAL: xxx"));
}

}  // namespace
}  // namespace jiro::delivery
