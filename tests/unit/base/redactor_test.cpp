// SPDX-License-Identifier: MIT
#include "base/redactor.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace jiro {
namespace {

constexpr std::size_t kRead = 0;
constexpr std::size_t kInForce = 1;

std::string base64(std::string_view text) {
    std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
    out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                        reinterpret_cast<const unsigned char*>(text.data()),
                                                        static_cast<int>(text.size()))));
    return out;
}

std::string redacted(const Redactor& redactor, std::string_view text) {
    std::string out(text);
    out = redactor.redacted(out).value_or(out);
    return out;
}

std::string field_redacted(const Redactor& redactor, std::string_view name, std::string_view value) {
    std::string out(value);
    out = redactor.redacted_field(name, out).value_or(out);
    return out;
}

TEST(Redactor, hides_a_known_secret_whole_behind_a_name) {
    Redactor redactor;
    redactor.add("abcd1234;tail-of-it", "a file");
    EXPECT_EQ(redacted(redactor, "unknown api_key=abcd1234;tail-of-it here"), "unknown api_key=*** here");
}

// What looks like a secret by its name is hidden; the words around it stay.
TEST(Redactor, hides_by_name) {
    struct Row {
        std::string_view text;
        std::string_view redacted;
    };
    const Row rows[] = {
        {"GET /hub?access_token=abc&x=1", "GET /hub?access_token=***&x=1"},
        {"GET /hub?id=abc HTTP/1.1", "GET /hub?id=*** HTTP/1.1"},
        {"/hub?x=1&id=abc&y", "/hub?x=1&id=***&y"},
        {"?API_KEY=abc#f", "?API_KEY=***#f"},
        {"Authorization: Bearer abc.def", "Authorization: ***"},
        {"authorization=Basic abc\nHost: h", "authorization=***\nHost: h"},
        {"x-api-key: abc", "x-api-key: ***"},
        {"Set-Cookie: a=b; c=d\r\nX: y", "Set-Cookie: ***\r\nX: y"},
        {"sent Bearer abc, then", "sent Bearer ***, then"},
        {R"({"accessToken": "abc", "url":"x"})", R"({"accessToken": "***", "url":"x"})"},
        {R"({"connectionToken":"abc"})", R"({"connectionToken":"***"})"},
        {"access_token=\"a b\" c", "access_token=\"***\" c"},
        {"access_token=a&access_token=b", "access_token=***&access_token=***"},
        // and what only resembles one stays
        {"connection_id=abc", "connection_id=abc"},
        {"command_sync_id=abc", "command_sync_id=abc"},
        {"id=5 of 7", "id=5 of 7"},
        {"forbearer x", "forbearer x"},
        {"WebSocket.AccessToken: must be text", "WebSocket.AccessToken: must be text"},
        {"access_token=", "access_token="},
        {"Bearer", "Bearer"},
        {"", ""},
    };
    const Redactor redactor;
    for (const Row& row : rows) EXPECT_EQ(redacted(redactor, row.text), row.redacted);
    EXPECT_EQ(field_redacted(redactor, "access_token", "anything"), "***");
    EXPECT_EQ(field_redacted(redactor, "hub", "https://h/?id=5"), "https://h/?id=***");
}

// A registered value is hidden in every form in which it travels.
TEST(Redactor, hides_registered_values_in_all_forms) {
    Redactor redactor;
    const std::string secret = "p@ss/word+1?";
    redactor.add(secret, "a file");
    EXPECT_EQ(redacted(redactor, "a " + secret + secret + " b"), "a ****** b");
    EXPECT_EQ(redacted(redactor, "p%40ss%2Fword%2B1%3F"), "***");
    EXPECT_EQ(redacted(redactor, "p%40ss%2fword%2b1%3f"), "***");
    for (const std::string_view before : {"", "x", "xy", "user:"}) {
        const std::string encoded = base64(std::string(before) + secret + "tail");
        const std::string hidden = redacted(redactor, encoded);
        EXPECT_NE(hidden.find("***"), std::string::npos) << encoded;
        EXPECT_LE(hidden.size(), encoded.size() - 10);
    }
}

// A text that was cut inside a secret shows no part of it.
TEST(Redactor, hides_half_a_secret_at_a_cut) {
    Redactor redactor;
    redactor.add("a-secret-of-the-hub", "a file");
    redactor.add("dots.in.a.token....too", "a file");
    redactor.add("p@ss/word+1?", "a file");
    EXPECT_EQ(redacted(redactor, "the hub said: a-secret-of-t..."), "the hub said: ***...");
    EXPECT_EQ(redacted(redactor, "the hub said: a-secr..."), "the hub said: ***...");
    EXPECT_EQ(redacted(redactor, "the hub said: a-se..."), "the hub said: a-se...");
    EXPECT_EQ(redacted(redactor, "a-secret-of-t"), "a-secret-of-t");
    EXPECT_EQ(redacted(redactor, "..."), "...");
    EXPECT_EQ(redacted(redactor, "to \"a-secret-of-t...\" and a-secret-of... or a-sec... is"),
              "to \"***...\" and ***... or a-sec... is");
    EXPECT_EQ(redacted(redactor, "a-secret-of-t.. is"), "a-secret-of-t.. is");
    EXPECT_EQ(redacted(redactor, "to dots.in... or dots.in.... or dots.in.a.token..."),
              "to ***... or ***.... or ***...");
    EXPECT_EQ(redacted(redactor, "to dots.in.a.token....t... or dots.in.a.token....too"), "to ***... or ***");
    EXPECT_EQ(redacted(redactor, "to p%40ss%2Fw... or p%40ss%2Fword%2... or p%40ss%2Fword%2"),
              "to ***... or ***... or p%40ss%2Fword%2");
    EXPECT_EQ(redacted(redactor, "to " + base64("xa-secret-of-the-hub").substr(0, 20) + "... is"), "to eG***... is");
}

// Short values would hide ordinary words.
TEST(Redactor, leaves_short_values) {
    Redactor redactor;
    redactor.add("short", "a file");
    redactor.add("", "a file");
    redactor.hold(kInForce, {"short", ""});
    EXPECT_EQ(redacted(redactor, "short"), "short");
}

// The oldest values are forgotten, but no source's newest; one that comes again is new.
TEST(Redactor, forgets_what_was_replaced_only) {
    Redactor redactor;
    redactor.add("secret-before", "another file");
    redactor.add("secret-in-force", "another file");
    redactor.add("secret-again", "a file");
    for (std::size_t i = 0; i < Redactor::kMaxRotating; ++i) {
        if (i == 10) redactor.add("secret-again", "a file");
        redactor.add("secret-number-" + std::to_string(i) + "-", "a file");
    }
    EXPECT_EQ(redacted(redactor, "secret-in-force secret-again"), "*** ***");
    EXPECT_EQ(redacted(redactor, "secret-before"), "secret-before");
    EXPECT_EQ(redacted(redactor, "secret-number-0-"), "secret-number-0-");
    EXPECT_EQ(redacted(redactor, "secret-number-63-"), "***");
}

std::vector<std::string> numbered(const std::string& name, std::size_t count) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(name + '-' + std::to_string(i) + '-');
    return values;
}

// A configuration's values are all known, however many they are and whatever rotates meanwhile.
TEST(Redactor, knows_all_that_a_configuration_holds) {
    Redactor redactor;
    redactor.hold(kInForce, numbered("in-force", 200));
    for (const auto& value : numbered("rotated", 200)) redactor.add(value, "a file");
    for (int i = 0; i < 3; ++i) redactor.hold(kRead, numbered("refused-" + std::to_string(i), 200));

    EXPECT_EQ(redacted(redactor, "in-force-0- in-force-199-"), "*** ***");
    EXPECT_EQ(redacted(redactor, "refused-2-0- refused-1-199-"), "*** ***");
    EXPECT_EQ(redacted(redactor, "refused-0-0-"), "refused-0-0-");
}

// What was in force before is known until another change: lines may still tell of it.
TEST(Redactor, knows_what_was_in_force_before) {
    Redactor redactor;
    redactor.hold(kInForce, {"first-value"});
    redactor.hold(kInForce, {"second-value"});
    redactor.hold(kInForce, {"second-value"});
    EXPECT_EQ(redacted(redactor, "first-value second-value"), "*** ***");

    redactor.hold(kInForce, {"third-value"});
    EXPECT_EQ(redacted(redactor, "first-value second-value third-value"), "first-value *** ***");
}

}  // namespace
}  // namespace jiro
