// SPDX-License-Identifier: MIT
#include "delivery/redo/redo_record.hpp"

#include <gtest/gtest.h>

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;

std::string bytes_of(const RedoRecord& record) {
    std::string bytes(encoded_size(record), '\0');
    encode(record, bytes.data());
    return bytes;
}

const WallTime kThen(1'764'000'000'123ms);
const std::string kOddId("a\0\xFF'\n", 5);

ReceivedChange received() {
    ReceivedChange change{kOddId, {}, "payload", kThen, kThen + 60s, true, FirstState::running};
    change.fingerprint.fill(7);
    return change;
}

// Each kind comes back as it was, with odd ids and empty texts.
TEST(RedoRecord, decodes_what_it_encoded) {
    const auto first = bytes_of(received());
    const auto change = std::get<ReceivedChange>(decode(first).value());
    EXPECT_EQ(change.id, kOddId);
    EXPECT_EQ(change.fingerprint, received().fingerprint);
    EXPECT_EQ(change.payload, "payload");
    EXPECT_EQ(change.received_at, kThen);
    EXPECT_EQ(change.run_before, kThen + 60s);
    EXPECT_TRUE(change.idempotent);
    EXPECT_EQ(change.state, FirstState::running);

    const auto second = bytes_of(StartedChange{kOddId});
    EXPECT_EQ(std::get<StartedChange>(decode(second).value()).id, kOddId);

    const auto third = bytes_of(FinishedChange{kOddId, Outcome::interrupted, "", Lease::yes, kThen});
    const auto finished = std::get<FinishedChange>(decode(third).value());
    EXPECT_EQ(finished.id, kOddId);
    EXPECT_EQ(finished.kind, Outcome::interrupted);
    EXPECT_EQ(finished.message, "");
    EXPECT_EQ(finished.lease, Lease::yes);
    EXPECT_EQ(finished.at, kThen);

    const auto fourth = bytes_of(DeliveredChange{"", kThen});
    EXPECT_EQ(std::get<DeliveredChange>(decode(fourth).value()).at, kThen);
}

// Literal bytes: what an older build wrote must be read by a newer one.
TEST(RedoRecord, has_a_fixed_form) {
    const std::string finished("\x03\x01\x00\x7B\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00idtext", 21);
    EXPECT_EQ(bytes_of(FinishedChange{"id", Outcome::failed, "text", Lease::no, WallTime(123ms)}), finished);
    EXPECT_EQ(bytes_of(StartedChange{"id"}), std::string("\x02id"));
}

// Nothing is taken on trust: lengths, enumerations, flags.
TEST(RedoRecord, refuses_what_is_none) {
    EXPECT_FALSE(decode(""));
    EXPECT_FALSE(decode(std::string(1, '\0')));
    EXPECT_FALSE(decode("\x05text"));
    const auto whole = bytes_of(received());
    for (std::size_t size = 0; size < whole.size() - std::string_view("payload").size(); ++size) {
        EXPECT_FALSE(decode(std::string_view(whole).substr(0, size))) << size;
    }
    auto with_bad_flag = whole;
    with_bad_flag[1 + 32 + 16] = 2;
    EXPECT_FALSE(decode(with_bad_flag));
    auto with_long_id = whole;
    with_long_id[1 + 32 + 16 + 2 + 3] = '\x7F';
    EXPECT_FALSE(decode(with_long_id));
    auto with_bad_kind = bytes_of(FinishedChange{"id", Outcome::failed, "text", Lease::no, kThen});
    with_bad_kind[1] = 6;
    EXPECT_FALSE(decode(with_bad_kind));
}

}  // namespace
}  // namespace jiro::delivery
