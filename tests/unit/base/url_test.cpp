// SPDX-License-Identifier: MIT
#include "jiro/base/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Url url(std::string_view text) { return Url::parse(text).value(); }

// The parts are those that go on the wire; defaults are filled in.
TEST(Url, parses_into_parts) {
    struct Row {
        std::string_view text, scheme, host;
        int port;
        std::string_view target, host_port, authority;
    };
    const Row rows[] = {
        {"https://hub.example/a/b?x=1", "https", "hub.example", 443, "/a/b?x=1", "hub.example", "hub.example:443"},
        {"HTTP://Hub.Example", "http", "hub.example", 80, "/", "hub.example", "hub.example:80"},
        {"ws://h:81/", "ws", "h", 81, "/", "h:81", "h:81"},
        {"wss://[2001:DB8::1]/x", "wss", "2001:db8::1", 443, "/x", "[2001:db8::1]", "[2001:db8::1]:443"},
        {"https://h:443", "https", "h", 443, "/", "h", "h:443"},
        {"https://h:/", "https", "h", 443, "/", "h", "h:443"},
        {"http://u:p@h/%20", "http", "h", 80, "/%20", "h", "h:80"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto parsed = Url::parse(row.text);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->scheme(), row.scheme);
        EXPECT_EQ(parsed->host(), row.host);
        EXPECT_EQ(parsed->port(), row.port);
        EXPECT_EQ(parsed->target(), row.target);
        EXPECT_EQ(parsed->host_port(), row.host_port);
        EXPECT_EQ(parsed->authority(), row.authority);
    }
    EXPECT_EQ(url("http://u%20x:p@h").user_info(), "u x:p");
}

// Whatever is no absolute URL of ours is refused.
TEST(Url, refuses_what_it_cannot_dial) {
    for (const std::string_view text : {"",
                                        "hub.example",
                                        "/path",
                                        "ftp://h/",
                                        "http://",
                                        "http:///x",
                                        "http://a%0D%0Ab/",
                                        "http://a%2Fb/",
                                        "http://h:0/",
                                        "http://h:65536/",
                                        "http://h:80443/",
                                        "http://h:4294967376/",
                                        "http://h:00080x/",
                                        "http://h./",
                                        "http://h.test.:80/",
                                        "http://h:x/",
                                        "http://h h/",
                                        "http://%F2n/",
                                        "http://a%22b/",
                                        "https:h",
                                        "http://[::1/",
                                        "javascript:alert(1)"}) {
        EXPECT_FALSE(Url::parse(text)) << text;
    }
    EXPECT_TRUE(Url::parse("http://" + std::string(253, 'a') + ":80/"));
    EXPECT_FALSE(Url::parse("http://" + std::string(254, 'a') + ":80/"));
}

// The printed form holds nothing that could be a credential.
TEST(Url, redacted_hides_user_and_query_values) {
    EXPECT_EQ(url("https://u:pw@h:1/p?access_token=abc&id=5&flag").redacted(),
              "https://h:1/p?access_token=***&id=***&flag");
    EXPECT_EQ(url("wss://h/").redacted(), "wss://h/");
}

// A URL is extended without harm to what it had.
TEST(Url, can_be_extended) {
    EXPECT_EQ(url("http://h/hub?a=1").with_segment("negotiate").target(), "/hub/negotiate?a=1");
    EXPECT_EQ(url("http://h/hub/").with_segment("negotiate").target(), "/hub/negotiate");
    EXPECT_EQ(url("http://h/hub").with_parameter("id", "a b&c=d").target(), "/hub?id=a%20b%26c%3Dd");
    EXPECT_EQ(url("http://h/hub?x=1").with_parameter("id", "5").target(), "/hub?x=1&id=5");
    EXPECT_TRUE(url("http://h/?id=5").has_parameter("id"));
    EXPECT_FALSE(url("http://h/?idx=5").has_parameter("id"));
    EXPECT_EQ(url("https://h/x").as_websocket().scheme(), "wss");
    EXPECT_EQ(url("http://h/x").as_websocket().scheme(), "ws");
}

// Loopback is this machine, whatever it is called.
TEST(Url, knows_loopback) {
    for (const std::string_view text :
         {"http://localhost", "http://127.0.0.1:5", "http://127.9.9.9", "http://[::1]/", "http://a.localhost/",
          "http://0.0.0.0/", "http://[::]:5/", "http://[::ffff:127.0.0.1]/"}) {
        EXPECT_TRUE(url(text).is_loopback()) << text;
    }
    for (const std::string_view text :
         {"http://localhost.example", "http://10.0.0.1", "http://[::2]/", "http://[::ffff:10.0.0.1]/"}) {
        EXPECT_FALSE(url(text).is_loopback()) << text;
    }
}

// Names and values are decoded; what is not well encoded stays as it came.
TEST(Query, decodes_names_and_values) {
    EXPECT_THAT(parse_query("a=1&b=%20x%2F&c%3d=%C3%A9"),
                ElementsAre(Pair("a", "1"), Pair("b", " x/"), Pair("c=", "\xC3\xA9")));
    EXPECT_THAT(parse_query("a=100%&b=%zz&c=%4"), ElementsAre(Pair("a", "100%"), Pair("b", "%zz"), Pair("c", "%4")));
    EXPECT_THAT(parse_query("a+b=c+d&e=f=g"), ElementsAre(Pair("a+b", "c+d"), Pair("e", "f=g")));
    EXPECT_THAT(parse_query("a=%00b"), ElementsAre(Pair("a", std::string("\0b", 2))));
    EXPECT_THAT(parse_query(""), IsEmpty());
    EXPECT_THAT(parse_query("&&name&"), ElementsAre(Pair("name", "")));
}

// Whatever an id holds arrives as it was.
TEST(Query, encodes_so_that_it_is_decoded) {
    EXPECT_EQ(percent_encode("a-b_c.d~9 /?&=%+"), "a-b_c.d~9%20%2F%3F%26%3D%25%2B");
    EXPECT_EQ(percent_encode("/a b", "/"), "/a%20b");
    std::string every;
    for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
    EXPECT_EQ(parse_query("id=" + percent_encode(every)).at("id"), every);
}

}  // namespace
}  // namespace jiro
