// SPDX-License-Identifier: MIT
#include "delivery/size_limit.hpp"

#include <gtest/gtest.h>

namespace jiro::delivery {
namespace {

constexpr std::size_t kSize = 2'000'046;

SendResult says(std::string text, StatusCode code = StatusCode::resource_exhausted) {
    return {code, false, std::move(text), {}};
}

// The words of gRPC's implementations, in both directions, and of others: our size and a smaller limit, in either
// order.
TEST(SizeLimit, is_what_the_peer_names) {
    const std::pair<const char*, std::size_t> rows[] = {
        {"Received message larger than max (2000046 vs. 1048576)", 1'048'576},        // C++, Python
        {"Sent message larger than max (2000046 vs. 1048576)", 1'048'576},            // a proxy of the same kind
        {"CLIENT: Received message larger than max (2000046 vs. 4096)", 4096},        // newer ones
        {"grpc: received message larger than max (2000046 vs. 1048576)", 1'048'576},  // Go
        {"grpc: received message after decompression larger than max (2000046 vs. 65536)", 65'536},
        {"trying to send message larger than max (2000046 vs. 1048576)", 1'048'576},
        {"Received message larger than max (2000046 vs 1048576)", 1'048'576},  // Node
        {"gRPC message exceeds maximum size 1048576: 2000046", 1'048'576},     // Java
        {"Error, decoded message length too large: found 2000046 bytes, the limit is: 1048576 bytes", 1'048'576},
        {"message size 2000046 exceeds limit 1048576", 1'048'576},
        {"Message of 2,000,046 bytes exceeds the maximum of 1,048,576 bytes", 1'048'576},
        {"payload too large: 2000046 > 1048576", 1'048'576},
        {"request body of 2.0 MB is over the allowed 1MB", 1'000'000},
        {"message is 2000046 bytes, max is 512 KiB", 524'288},
        {"Received message larger than max (2000046 vs. 1048576); request 8841 of 10.0.0.5:443", 1'048'576},
    };
    for (const auto& [text, limit] : rows) {
        const auto found = size_limit(says(text), kSize);
        ASSERT_TRUE(found) << text;
        EXPECT_TRUE(found->is_named) << text;
        EXPECT_EQ(found->bytes, limit) << text;
    }
    // Under each code that servers use for it.
    for (const auto code : {StatusCode::out_of_range, StatusCode::invalid_argument, StatusCode::internal}) {
        EXPECT_TRUE(size_limit(says("message size 2000046 exceeds limit 1048576", code), kSize));
    }
}

// A quota, a rate, a queue, another thing's size, or numbers that are not ours: no evidence, however big the message
// is.
TEST(SizeLimit, is_not_read_into_other_refusals) {
    for (const char* text : {
             "",
             "rate limit: try again in 1 s",
             "request rate of this tenant exceeds 100 per minute",
             "quota used up, try later",
             "message quota exceeded: 2000046 of 1048576 bytes",
             "request of 2000046 bytes exceeds the 1048576 bytes per second of this tenant",
             "message of 2000046 bytes exceeds the remaining budget of 1048576 bytes",
             "too many messages: limit 100",
             "the message queue exceeds 1048576",
             "message too large",
             "message exceeds the limit of 1048576 bytes",
             "received initial metadata size exceeds limit (2000046 vs. 8192)",
             "received trailing metadata size exceeds limit (2000046 vs. 8192). request message",
             "Received message larger than max",
             "Received message larger than max (5 vs. 4)",
             "Received message larger than max (2000046 vs. 4194304)",
             "Received message larger than max (2000046 vs. 2000046)",
             "Received message larger than max (5000000 vs. 1048576)",
             "Received message larger than max (1048576 vs. 2000046)",
             "message 2000046 exceeds something of user1048576",
             "message limit: 10.0.0.5:2000046 exceeds 1048576 and 17 others",
             "message size 99999999999999999999999999 exceeds limit 1048576",
             "message larger than max (-1 vs. -2)",
             "Bandwidth exhausted or memory limit exceeded",
             "too_many_pings",
             "message of 2000046 bytes: request took longer than max 5000 ms",
             "message of 2000046 bytes refused: 5000 ms are the limit",
             "request of 2000046 bytes refused: limit of 1000 concurrent requests reached",
             "request of 2000046 bytes refused: max 1048576 pending",
             "request 2000046 exceeds limit 1048576",
             "message size 2000111 exceeds limit 1048576",
             "message size 2000045 exceeds limit 1048576",
             "message size 2000046 exceeds limit 1000",
             // Words within other words, and numbers of something else.
             "failed to store message of 2000046 bytes: shard 4096 is being recovered",
             "message of 2000046 bytes could not be written at offset 65536: server overloaded",
             "request body of 2000046 bytes not accepted over plain text, error 4096",
             "message of 2000046 bytes exceeds the 1500000 bytes left for this tenant",
             "request of 2000046 bytes is over the 1500000 bytes free on the volume",
             "message too large for the buffer now: 2000046 bytes, 1500000 bytes unused",
             "message of 2000046 bytes exceeds the limit of 1500000 bytes left for this tenant",
             "message size 2000046 exceeds the maximum of 1500000 per batch",
             "hourly rate: message size 2000046 exceeds limit 1048576",
             "the submessage size 2000046x exceeds limit 1048576",
         }) {
        EXPECT_FALSE(size_limit(says(text), kSize)) << text;
        EXPECT_FALSE(size_limit(says(text, StatusCode::internal), kSize)) << text;
    }
    const std::pair<const char*, std::size_t> of_small_ones[] = {
        {"too many requests: 250, max 200", 255},
        {"Too many concurrent requests: 1030 (limit 1000)", 1015},
        {"connection limit exceeded: 320 requests, 256 allowed", 355},
        {"Error 429: request limit 250", 355},
        {"request limit: 300 tokens, 280 used", 355},
        {"request size class 5000, max 4096 used", 4990},
    };
    for (const auto& [text, size] : of_small_ones) EXPECT_FALSE(size_limit(says(text), size)) << text;
    for (const auto code :
         {StatusCode::unavailable, StatusCode::deadline_exceeded, StatusCode::aborted, StatusCode::unauthenticated,
          StatusCode::permission_denied, StatusCode::unimplemented, StatusCode::failed_precondition}) {
        EXPECT_FALSE(size_limit(says("message size 2000046 exceeds limit 1048576", code), kSize));
    }
}

// What gRPC makes up here is nobody's word about the message.
TEST(SizeLimit, is_never_taken_from_a_local_status) {
    for (const char* text : {"Received message larger than max (2000046 vs. 1048576)",
                             "Sent message larger than max (2000046 vs. 1048576)",
                             "Received message exceeds the maximum configured message size.",
                             "received initial metadata size exceeds limit", "Received RST_STREAM with error code 11",
                             "payload too large"}) {
        auto answer = says(text);
        answer.is_local = true;
        EXPECT_FALSE(size_limit(answer, kSize)) << text;
    }
}

// A refusal of the size without a number: an HTTP 413 as gRPC or a proxy puts it, and ASP.NET Core's own words. Then
// half by half.
TEST(SizeLimit, is_guessed_half_by_half_when_the_peer_names_none) {
    auto http = says("Received http2 header with status: 413", StatusCode::unknown);
    http.is_local = true;  // gRPC's translation of the proxy's answer
    for (const auto& answer : {http, says("Payload Too Large", StatusCode::unknown),
                               says("Received message exceeds the maximum configured message size.")}) {
        std::vector<std::size_t> guesses;
        std::size_t size = 3'000'000;
        while (const auto limit = size_limit(answer, size)) {
            EXPECT_FALSE(limit->is_named);
            guesses.push_back(limit->bytes + 64);
            size = limit->bytes;
        }
        EXPECT_EQ(guesses, (std::vector<std::size_t>{1 << 20, 1 << 19, 1 << 18, 1 << 17, 1 << 16})) << answer.message;
    }
    for (const char* other : {"Received http2 header with status: 400", "Received http2 header with status: 431",
                              "Received http2 header with status: 4130", "no 413"}) {
        http.message = other;
        EXPECT_FALSE(size_limit(http, kSize)) << other;
    }
    EXPECT_FALSE(size_limit(says("Payload Too Large"), kSize)) << "no proxy's translation has this code";
}

TEST(SizeLimit, is_none_for_what_was_taken) {
    EXPECT_FALSE(size_limit({StatusCode::ok, true, "message size 2000046 exceeds limit 1048576", {}}, kSize));
}

}  // namespace
}  // namespace jiro::delivery
