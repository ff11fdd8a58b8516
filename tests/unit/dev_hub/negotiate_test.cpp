// SPDX-License-Identifier: MIT
#include "dev_hub/negotiate.hpp"

#include <gtest/gtest.h>

namespace jiro::dev_hub {
namespace {

using std::chrono::seconds;

// The answers of both versions, as ASP.NET Core writes them.
TEST(Negotiate, answers_like_aspnet_core) {
    const NegotiatedId id{"public", "secret"};
    EXPECT_EQ(negotiate_body(1, id),
              R"({"negotiateVersion":1,"connectionId":"public","connectionToken":"secret","availableTransports":)"
              R"([{"transport":"WebSockets","transferFormats":["Text","Binary"]}]})");
    EXPECT_EQ(negotiate_body(0, id), R"({"negotiateVersion":0,"connectionId":"public","availableTransports":)"
                                     R"([{"transport":"WebSockets","transferFormats":["Text","Binary"]}]})");
}

// In version 1 the token is another secret than the public id; in version 0 there is one id.
TEST(Negotiate, separates_token_from_id) {
    SystemRandom random;
    Negotiations negotiations(random, seconds(15));
    const auto first = negotiations.create(1, TimePoint());
    EXPECT_EQ(first.connection_id.size(), 22U);
    EXPECT_NE(first.connection_id, first.connection_token);
    const auto old = negotiations.create(0, TimePoint());
    EXPECT_EQ(old.connection_id, old.connection_token);
}

// An id serves one connection at a time and is forgotten when nobody came for it.
TEST(Negotiate, gives_each_id_to_one_connection) {
    SystemRandom random;
    Negotiations negotiations(random, seconds(15));
    const TimePoint start;
    const auto id = negotiations.create(1, start);
    const auto idle = negotiations.create(1, start);

    std::string connection_id;
    EXPECT_EQ(negotiations.claim("nobody's", start, connection_id), Negotiations::Claim::unknown);
    EXPECT_EQ(negotiations.claim(id.connection_id, start, connection_id), Negotiations::Claim::unknown);
    EXPECT_EQ(negotiations.claim(id.connection_token, start, connection_id), Negotiations::Claim::ok);
    EXPECT_EQ(connection_id, id.connection_id);
    EXPECT_EQ(negotiations.claim(id.connection_token, start + seconds(60), connection_id), Negotiations::Claim::in_use);
    EXPECT_EQ(negotiations.claim(idle.connection_token, start + seconds(60), connection_id),
              Negotiations::Claim::unknown);
    negotiations.release(id.connection_token);
    EXPECT_EQ(negotiations.size(), 0U);
}

// Query parameters are found whatever stands around them, decoded.
TEST(Negotiate, reads_query_parameters) {
    EXPECT_EQ(query_parameter("a=1&id=x%2By%3D&b", "id"), "x+y=");
    EXPECT_EQ(query_parameter("a=1&id=x%2By%3D&b", "b"), "");
    EXPECT_EQ(query_parameter("idd=1&di=2", "id"), std::nullopt);
    EXPECT_EQ(query_parameter("id=%zz%4", "id"), "%zz%4");
    EXPECT_EQ(query_parameter("", "id"), std::nullopt);
}

}  // namespace
}  // namespace jiro::dev_hub
