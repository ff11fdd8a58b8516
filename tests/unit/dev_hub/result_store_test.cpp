// SPDX-License-Identifier: MIT
#include "dev_hub/result_store.hpp"

#include <gtest/gtest.h>

#include "dev_hub/errors.hpp"

namespace jiro::dev_hub {
namespace {

ReceivedResult result(const std::string& id, const std::string& bytes) {
    ReceivedResult out;
    out.sync_id = id;
    out.is_success = true;
    out.digest = digest_of(bytes);
    return out;
}

using Outcome = ResultStore::Outcome;

// Repeats, refusals and differing bytes are told apart: what an oracle needs.
TEST(ResultStore, counts_duplicates_and_conflicts) {
    ResultStore store;
    store.record(result("a", "1"), Outcome::not_accepted);
    EXPECT_FALSE(store.was_accepted("a"));
    store.record(result("a", "1"), Outcome::accepted);
    store.record(result("a", "1"), Outcome::accepted);
    const auto& entry = store.record(result("a", "2"), Outcome::accepted);
    store.record(result("b", "1"), Outcome::accepted);

    EXPECT_EQ(entry.attempts, 4U);
    EXPECT_EQ(entry.accepted, 3U);
    EXPECT_EQ(entry.conflicting, 1U);
    EXPECT_EQ(store.totals().ids, 2U);
    EXPECT_EQ(store.totals().accepted_ids, 2U);
    EXPECT_EQ(store.totals().duplicates, 2U);
    EXPECT_EQ(store.totals().conflicting, 1U);
}

// The message's wire bytes, written by hand from the field numbers of the contract.
TEST(ReceivedResult, is_read_from_wire_bytes) {
    const std::string text = std::string(
                                 "\x0a\x04"
                                 "echo") +                                   // commandName = 1
                             std::string("\x1a\x06\x0a\x02hi\x10\x01", 8) +  // textResult = 3 { "hi", JSON }
                             std::string("\x28\x01") +                       // isSuccess = 5
                             std::string(
                                 "\x32\x03"
                                 "c-1") +                                 // commandSyncId = 6
                             std::string("\x3a\x06\x0a\x01k\x12\x01v") +  // parameters = 7 { k: v }
                             std::string("\x42\x01s");                    // sessionId = 8
    const auto parsed = parse_result(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->command_name, "echo");
    EXPECT_EQ(parsed->text, "hi");
    EXPECT_EQ(parsed->text_type, "JSON");
    EXPECT_TRUE(parsed->is_success);
    EXPECT_EQ(parsed->sync_id, "c-1");
    EXPECT_EQ(parsed->session_id, "s");
    ASSERT_EQ(parsed->parameters.size(), 1U);
    EXPECT_EQ(parsed->digest, digest_of(text));

    const auto garbage = parse_result("<html>");
    ASSERT_FALSE(garbage);
    EXPECT_EQ(garbage.error().code, errc::bad_result);
}

}  // namespace
}  // namespace jiro::dev_hub
