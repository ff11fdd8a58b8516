// SPDX-License-Identifier: MIT
#include "dev_hub/misbehaviour.hpp"

#include <gtest/gtest.h>

#include "support/fixed_random.hpp"

namespace jiro::dev_hub {
namespace {

using What = Misbehaviour::What;

Result<Misbehaviour> parse(std::string_view line) { return parse_misbehaviour(line); }

// Each misbehaviour with all that it may carry.
TEST(Misbehaviour, reads_its_words) {
    EXPECT_EQ(parse("drop")->what, What::drop);
    const auto close = parse("close allow-reconnect 'error=come back'");
    EXPECT_TRUE(close->allow_reconnect);
    EXPECT_EQ(close->text, "come back");
    const auto refuse = parse("refuse 503 retry-after=7 next=2");
    EXPECT_EQ(refuse->number, 503);
    EXPECT_EQ(refuse->retry_after, 7);
    EXPECT_EQ(refuse->next, 2);
    const auto fail = parse("grpc-fail UNAVAILABLE p=0.25");
    EXPECT_EQ(fail->number, 14);
    EXPECT_DOUBLE_EQ(fail->probability, 0.25);
    EXPECT_TRUE(parse("grpc-reply-lost next=3 silent")->silent);
    EXPECT_EQ(parse("ws-close 1012 reason=restart")->number, 1012);
    EXPECT_EQ(parse("bad-frame not-json")->frame, "not-json");
}

// Nonsense is refused with a reason.
TEST(Misbehaviour, refuses_what_it_does_not_know) {
    for (const auto* line : {"", "sulk", "drop now", "grpc-fail", "grpc-fail OK", "grpc-fail NOPE", "refuse 99",
                             "refuse 200", "refuse 299", "refuse 600", "grpc-fail INTERNAL p=nan",
                             "grpc-fail INTERNAL p=inf", "bad-frame pretty", "ws-close 999", "grpc-delay -1",
                             "grpc-fail INTERNAL p=2", "close next=1", "stall silent", "refuse 503 next=x"}) {
        const auto misbehaviour = parse(line);
        ASSERT_FALSE(misbehaviour) << line;
        EXPECT_FALSE(misbehaviour.error().message.empty());
    }
}

// Quotes group words into one, as in a shell.
TEST(Misbehaviour, takes_texts_in_quotes) {
    EXPECT_EQ(parse("close error='b \"c\" d' allow-reconnect")->text, "b \"c\" d");
    EXPECT_EQ(parse("ws-close 1001 \"reason=a \\\" b\"")->text, "a \" b");
    EXPECT_FALSE(parse("close 'error=b"));
}

// `next=N` happens N times and then no more; a probability follows the random source.
TEST(GrpcFaults, happen_as_often_as_asked) {
    test::FixedRandom random{0, ~0ULL, 0};
    GrpcFaults faults;
    EXPECT_TRUE(faults.apply(*parse("grpc-fail INTERNAL next=2")));
    EXPECT_EQ(faults.next(random).status, 13);
    EXPECT_EQ(faults.next(random).status, 13);
    EXPECT_EQ(faults.next(random).status, 0);

    faults.apply(*parse("grpc-success-false p=0.5"));
    EXPECT_FALSE(faults.next(random).success);  // 0 is below one half
    EXPECT_TRUE(faults.next(random).success);   // the largest is not
    EXPECT_FALSE(faults.next(random).success);

    faults.apply(*parse("none"));
    faults.apply(*parse("grpc-reply-lost next=1"));
    EXPECT_EQ(faults.next(random).reply, GrpcFaults::Fate::Reply::cancelled);
    EXPECT_EQ(faults.next(random).reply, GrpcFaults::Fate::Reply::sent);
    EXPECT_FALSE(faults.apply(*parse("drop")));
}

// Every kind that is offered exists.
TEST(Misbehaviour, makes_every_bad_frame) {
    const std::string kinds(bad_frame_kinds());
    std::size_t start = 0;
    while (start < kinds.size()) {
        const auto end = std::min(kinds.find(", ", start), kinds.size());
        EXPECT_TRUE(make_bad_frame(kinds.substr(start, end - start))) << kinds.substr(start, end - start);
        start = end + 2;
    }
}

}  // namespace
}  // namespace jiro::dev_hub
