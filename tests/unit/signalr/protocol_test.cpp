// SPDX-License-Identifier: MIT
// The pure parts: records, messages, URLs, cookies, proxies, and the policy of when to try again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "jiro/http/answer_head.hpp"
#include "jiro/http/date.hpp"
#include "jiro/signalr/errors.hpp"
#include "jiro/signalr/settings.hpp"
#include "signalr/connection/connection_fsm.hpp"
#include "signalr/connection/keep_alive.hpp"
#include "signalr/connection/resume_buffer.hpp"
#include "signalr/protocol/cookie_jar.hpp"
#include "signalr/protocol/json_codec.hpp"
#include "signalr/protocol/negotiate.hpp"
#include "signalr/protocol/record_splitter.hpp"
#include "support/fixed_random.hpp"

namespace jiro::signalr {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

constexpr TimePoint kStart{1h};

Url url(const char* text) { return *Url::parse(text); }

std::vector<std::string> split(RecordSplitter& splitter, std::string_view chunk) {
    std::vector<std::string> records;
    splitter.feed(chunk);
    while (const auto record = splitter.next()) records.emplace_back(*record);
    return records;
}

// Records come out whole, however the chunks are cut.
TEST(RecordSplitter, joins_and_cuts) {
    RecordSplitter splitter(10);
    EXPECT_THAT(split(splitter, "ab"), testing::IsEmpty());
    EXPECT_TRUE(splitter.has_partial());
    EXPECT_THAT(split(splitter,
                      "c\x1e"
                      "d\x1e\x1e"
                      "ef"),
                testing::ElementsAre("abc", "d", ""));
    EXPECT_THAT(split(splitter, "\x1e"), testing::ElementsAre("ef"));
    EXPECT_FALSE(splitter.has_partial());
}

// The limit holds for a record in one chunk and for one in many, and nothing comes after it.
TEST(RecordSplitter, limits_a_record) {
    RecordSplitter whole(3);
    EXPECT_THAT(split(whole,
                      "abc\x1e"
                      "abcd\x1e"
                      "a\x1e"),
                testing::ElementsAre("abc"));
    EXPECT_TRUE(whole.overflowed());

    RecordSplitter pieces(3);
    EXPECT_THAT(split(pieces, "ab"), testing::IsEmpty());
    EXPECT_THAT(split(pieces, "cd"), testing::IsEmpty());
    EXPECT_TRUE(pieces.overflowed());
    EXPECT_THAT(split(pieces, "\x1e"), testing::IsEmpty());
}

// 64-bit integers survive both ways.
TEST(JsonCodec, keeps_integers_exact) {
    const auto message =
        parse_record(R"({"type":1,"target":"T","arguments":[18446744073709551615,-9223372036854775808]})");
    std::string out;
    ASSERT_TRUE(append_record(out, *message));
    EXPECT_THAT(out, HasSubstr("[18446744073709551615,-9223372036854775808]"));
}

// Each kind of bad record has its name, and no error quotes the record.
TEST(JsonCodec, names_what_is_wrong) {
    struct Row {
        const char* name;
        std::string record;
        errc code;
    };
    const std::string deep =
        R"({"type":1,"target":"T","arguments":)" + std::string(64, '[') + std::string(64, ']') + "}";
    std::string values;
    std::string members;
    for (int i = 0; i < 20'000; ++i) values += "0,";
    for (int i = 0; i < 5'000; ++i) members += "\"canary" + std::to_string(i) + "\":0,";
    const Row rows[] = {
        {"empty", "", errc::invalid_json},
        {"array", "[canary]", errc::invalid_json},
        {"text behind", "{\"type\":6}canary", errc::invalid_json},
        {"NUL behind", std::string("{\"type\":6}\0canary", 17), errc::invalid_json},
        {"byte order mark", "\xEF\xBB\xBF{\"type\":6}", errc::invalid_json},
        {"lone surrogate", R"({"type":6,"x":"\ud800canary"})", errc::unreadable_value},
        {"huge number", R"({"type":6,"x":1e999})", errc::unreadable_value},
        {"bad UTF-8", "{\"type\":6,\"canary\":\"\xFF\"}", errc::invalid_utf8},
        {"65 levels", deep, errc::nesting_too_deep},
        {"many levels", R"({"type":1,"target":"T","arguments":)" + std::string(100'000, '['), errc::nesting_too_deep},
        {"many values", R"({"type":2,"invocationId":"1","item":[)" + values + "0]}", errc::too_many_values},
        {"many members", R"({"type":2,"invocationId":"1","item":{)" + members + R"("z":0}})", errc::too_many_values},
        {"a limit, then no target", R"({"type":1,"arguments":[)" + values + "0]}", errc::too_many_values},
        {"both result and error", R"({"type":3,"invocationId":"1","result":1,"error":"x"})", errc::protocol_error},
        {"fractional type", R"({"type":"6"})", errc::protocol_error},
    };
    for (const Row& row : rows) {
        const auto message = parse_record(row.record);
        ASSERT_FALSE(message) << row.name;
        EXPECT_EQ(message.error().code, row.code) << row.name << ": " << message.error().message;
        EXPECT_THAT(message.error().message, testing::Not(HasSubstr("canary"))) << row.name;
    }
}

// The headers of an Invocation come with it, whatever else it says.
TEST(JsonCodec, reads_the_headers_of_an_invocation) {
    const auto message =
        parse_record(R"({"type":1,"target":"T","arguments":[],"headers":{"traceparent":"00-1","b":""}})");
    ASSERT_TRUE(message);
    const std::map<std::string, std::string> expected{{"traceparent", "00-1"}, {"b", ""}};
    EXPECT_EQ(std::get<InvocationMessage>(*message).headers, expected);
    for (const char* none :
         {R"({"type":1,"target":"T","arguments":[]})", R"({"type":1,"target":"T","arguments":[],"headers":null})"}) {
        EXPECT_TRUE(std::get<InvocationMessage>(*parse_record(none)).headers.empty());
    }
}

// An Invocation over a limit keeps its id and what stood before, so that the one who called gets an answer.
TEST(JsonCodec, keeps_an_invocation_that_is_over_a_limit) {
    std::string values;
    for (int i = 0; i < 20'000; ++i) values += "0,";
    const auto message = parse_record(R"({"type":1,"invocationId":"7","target":"T","arguments":[{"a":1,"b":[)" +
                                      values + R"(0],"c":2}]})");
    ASSERT_TRUE(message);
    const auto& invocation = std::get<InvocationMessage>(*message);
    ASSERT_TRUE(invocation.over_limit);
    EXPECT_EQ(invocation.over_limit->code, errc::too_many_values);
    EXPECT_EQ(invocation.invocation_id, "7");
    EXPECT_EQ(invocation.arguments[0]["a"], 1);
    EXPECT_FALSE(invocation.arguments[0].contains("c"));
}

// However the bytes are cut, interim answers are passed over, and what follows the head stays.
TEST(AnswerHead, finds_the_answer_that_counts) {
    const std::string all = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    const std::string last = "HTTP/1.1 101 Switching Protocols\r\nDate: then\r\nContent-Length: 99999999999\r\n\r\n";
    for (const std::size_t step : {1U, 7U, 1'000U}) {
        jiro::http::AnswerHead head;
        const std::string bytes = all + last;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            EXPECT_FALSE(head.is_settled());
            head.feed(std::string_view(bytes).substr(at, step));
        }
        head.feed("\x81");
        EXPECT_TRUE(head.is_settled());
        EXPECT_EQ(head.status(), 101U);
        EXPECT_EQ(*find_header(head.response().headers, "date"), "then");
        EXPECT_EQ(head.bytes(), last + "\x81");
    }
}

// What is no head that counts ends the waiting, too: another protocol, no end, nothing but interim answers.
TEST(AnswerHead, gives_up) {
    jiro::http::AnswerHead other;
    other.feed("SSH-2.0");
    EXPECT_TRUE(other.is_settled());
    EXPECT_EQ(other.status(), 0U);

    jiro::http::AnswerHead endless;
    endless.feed("HTTP/1.1 200 OK\r\nX: " + std::string(jiro::http::AnswerHead::kMaxBytes, 'x'));
    EXPECT_TRUE(endless.is_settled());
    EXPECT_TRUE(endless.is_too_long());

    jiro::http::AnswerHead interim;
    for (int i = 0; i <= jiro::http::kMaxInterimAnswers; ++i) interim.feed("HTTP/1.1 103 x\r\n\r\n");
    EXPECT_EQ(interim.status(), 103U);
}

// So does one with a value that cannot be read.
TEST(JsonCodec, keeps_an_invocation_with_an_unreadable_value) {
    for (const char* value : {"1e400", "-1e400", "1e99999999999", R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")"}) {
        const auto message = parse_record(
            std::string(R"({"type":1,"invocationId":"7","target":"T","arguments":[{"a":1,"b":)") + value + "}]}");
        ASSERT_TRUE(message) << value << ' ' << message.error().message;
        const auto& invocation = std::get<InvocationMessage>(*message);
        ASSERT_TRUE(invocation.over_limit) << value;
        EXPECT_EQ(invocation.over_limit->code, errc::unreadable_value) << value;
        EXPECT_EQ(invocation.invocation_id, "7");
        EXPECT_EQ(invocation.arguments[0]["a"], 1);
    }
}

// Arguments go to their target's reader, wherever the target stands; without one they are a tree.
TEST(JsonCodec, gives_arguments_to_the_reader_of_their_target) {
    const ReaderOfTarget reader_of = [](const std::string& target) -> ArgumentsReader {
        return target == "R" ? std::make_shared<JsonTree>() : nullptr;
    };
    const struct {
        const char* members;
        const char* read;  // nullptr: a tree
        const char* arguments;
    } rows[] = {{R"("target":"R","arguments":[{"a":[1]}])", R"({"a":[1]})", "[]"},
                {R"("target":"R","x":{"target":"Other","arguments":[2]},"arguments":[{"arguments":[]}])",
                 R"({"arguments":[]})", "[]"},
                {R"("target":"R","arguments":[])", "null", "[]"},
                {R"("target":"R","arguments":[1],"arguments":[2])", "2", "[]"},
                {R"("target":"Other","target":"R","arguments":[1])", "1", "[]"},
                {R"("target":"Other","arguments":[1])", nullptr, "[1]"},
                {R"("arguments":[1],"target":"R")", "1", "[]"},
                {R"("arguments":[1e400],"target":"R")", "null", "[]"},
                {R"("target":"Other","arguments":[1],"target":"R")", "1", "[]"},
                {R"("target":"R","arguments":[1],"target":"Other")", nullptr, "[1]"},
                {R"("target":"R","arguments":[1e400])", "null", "[]"}};
    for (const auto& row : rows) {
        const auto message = parse_record(R"({"type":1,)" + std::string(row.members) + '}', reader_of);
        ASSERT_TRUE(message) << row.members << ' ' << message.error().message;
        const auto& invocation = std::get<InvocationMessage>(*message);
        EXPECT_EQ(invocation.arguments.dump(), row.arguments) << row.members;
        ASSERT_EQ(invocation.reader != nullptr, row.read != nullptr) << row.members;
        if (row.read == nullptr) continue;
        EXPECT_EQ(std::move(static_cast<JsonTree&>(*invocation.reader)).take().dump(), row.read) << row.members;
    }
    for (const char* none : {R"({"type":1,"target":"R","arguments":[1],"arguments":2})", R"({"type":1,"target":"R"})",
                             R"({"type":1,"target":"R","arguments":[1],"target":2})", R"([{"target":"R"},[1]])"}) {
        EXPECT_FALSE(parse_record(none, reader_of)) << none;
    }
    const auto cut = parse_record(R"({"type":1,"target":"R","arguments":[{"a":1,"b":"\ud800"}]})", reader_of);
    ASSERT_TRUE(cut);
    EXPECT_TRUE(std::get<InvocationMessage>(*cut).over_limit);
    const auto& reader = std::get<InvocationMessage>(*cut).reader;
    EXPECT_EQ(std::move(static_cast<JsonTree&>(*reader)).take().dump(), R"({"a":1})");
}

// Whom a record is for is known wherever it stands, also behind what cannot be read.
TEST(JsonCodec, reads_members_in_any_order) {
    const ReaderOfTarget reader_of = [](const std::string& target) -> ArgumentsReader {
        return target == "R" ? std::make_shared<JsonTree>() : nullptr;
    };
    std::string many = "1";
    for (int i = 0; i < 9000; ++i) many += ",1";
    std::vector<std::string> members{R"("type":1)", R"("target":"R")", R"("invocationId":"7")",
                                     R"("arguments":[{"a":1,"b":[)" + many + "]}]"};
    std::ranges::sort(members);
    do {
        const auto record = '{' + members[0] + ',' + members[1] + ',' + members[2] + ',' + members[3] + '}';
        const auto message = parse_record(record, reader_of);
        ASSERT_TRUE(message) << record.substr(0, 80) << ' ' << message.error().message;
        const auto& invocation = std::get<InvocationMessage>(*message);
        ASSERT_TRUE(invocation.over_limit);
        EXPECT_EQ(invocation.over_limit->code, errc::too_many_values);
        EXPECT_EQ(invocation.invocation_id, "7");
        ASSERT_TRUE(invocation.reader) << record.substr(0, 80);
        EXPECT_EQ(std::move(static_cast<JsonTree&>(*invocation.reader)).take()["a"], 1);
    } while (std::ranges::next_permutation(members).found);
}

// The last target counts, also behind what breaks a limit: another reader has nothing to do with it.
TEST(JsonCodec, gives_a_record_that_breaks_off_to_its_last_target) {
    const ReaderOfTarget reader_of = [](const std::string& target) -> ArgumentsReader {
        return target == "R" ? std::make_shared<JsonTree>() : nullptr;
    };
    std::string many = "1";
    for (int i = 0; i < 9000; ++i) many += ",1";
    const struct {
        std::string members;
        const char* target;
        bool has_reader;
    } rows[] = {{R"("target":"R","arguments":[)" + many + R"(],"target":"O")", "O", false},
                {R"("target":"O","arguments":[)" + many + R"(],"target":"R")", "R", true},
                {R"("target":"R","arguments":[],"x":[)" + many + R"(],"target":"O")", "O", false},
                {R"("x":[)" + many + R"(],"target":"R","arguments":[])", "R", false},  // they stand behind it
                {R"("arguments":[],"target":"R","x":"\ud800")", "R", true}};
    for (const auto& row : rows) {
        const auto message = parse_record(R"({"type":1,)" + row.members + '}', reader_of);
        ASSERT_TRUE(message) << row.members.substr(0, 80);
        const auto& invocation = std::get<InvocationMessage>(*message);
        EXPECT_TRUE(invocation.over_limit);
        EXPECT_EQ(invocation.target, row.target) << row.members.substr(0, 80);
        EXPECT_EQ(invocation.reader != nullptr, row.has_reader) << row.members.substr(0, 80);
    }
}

// A value that cannot be read ends no connection: who waits for it is told, and a message that is not known says
// nothing.
TEST(JsonCodec, names_what_cannot_be_read_to_whom_it_is_for) {
    const auto completion = parse_record(R"({"result":1e999,"type":3,"invocationId":"7"})");
    ASSERT_TRUE(completion);
    EXPECT_EQ(std::get<CompletionMessage>(*completion).invocation_id, "7");
    EXPECT_FALSE(std::get<CompletionMessage>(*completion).result);
    EXPECT_THAT(std::get<CompletionMessage>(*completion).error.value(), testing::HasSubstr("is refused"));
    const auto unknown = parse_record(R"({"x":1e999,"type":99})");
    ASSERT_TRUE(unknown);
    EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*unknown));
    for (const char* refused : {R"({"x":1e999})", R"({"type":2,"invocationId":"7","item":1e999})",
                                R"({"type":3,"result":1e999})", R"([1e999])", R"({"type":7,"error":"\ud800"})"}) {
        EXPECT_FALSE(parse_record(refused)) << refused;
    }
}

// A text that is not UTF-8 cannot be sent; nothing is appended.
TEST(JsonCodec, refuses_to_write_bad_utf8) {
    std::string out = "before";
    InvocationMessage message;
    message.target = "T";
    message.arguments = json::array({"\xFF"});
    EXPECT_EQ(append_record(out, message).error().code, errc::invalid_utf8);
    EXPECT_EQ(out, "before");
}

// Typed handlers take what fits exactly.
TEST(Binding, checks_count_and_types) {
    std::int8_t small = 0;
    EXPECT_TRUE(read_value(json(127), small));
    EXPECT_FALSE(read_value(json(128), small));
    EXPECT_FALSE(read_value(json(1.0), small));
    EXPECT_FALSE(read_value(json("1"), small));
    double number = 0;
    EXPECT_TRUE(read_value(json(2), number));
    const auto handler = bind<int>([](int) -> Task<> { co_return; });
    Invocation invocation;
    EXPECT_THROW(static_cast<void>(handler(invocation)), ArgumentMismatch);
}

// Cookies go back where they came from.
TEST(CookieJar, scopes_cookies) {
    CookieJar jar;
    const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    jar.store(url("https://a.example/hub/negotiate"), "sticky=1; Path=/; Secure", now);
    jar.store(url("https://a.example/hub/negotiate"), "deep=2; Path=/other", now);
    jar.store(url("https://a.example/hub/negotiate"), "wide=3; Path=/; Domain=.example.org", now);
    jar.store(url("https://a.example/hub/negotiate"), "sub=4; Path=/; Domain=a.example", now);
    jar.store(url("http://a.example/"), "clear=5", now);
    EXPECT_EQ(jar.header_for(url("wss://a.example/hub"), now), "sticky=1; sub=4");
    EXPECT_EQ(jar.header_for(url("ws://a.example/hub"), now), "clear=5");
    for (const char* elsewhere : {"wss://b.example/hub", "wss://a.example:8443/hub", "wss://b.a.example/hub"}) {
        EXPECT_EQ(jar.header_for(url(elsewhere), now), "") << elsewhere;
    }
}

// However many a server sets, what goes into a request is one header that can be sent.
TEST(CookieJar, holds_what_a_header_has_room_for) {
    CookieJar jar;
    const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    for (int i = 0; i < 6; ++i) {
        jar.store(url("https://a.example/x"), 'c' + std::to_string(i) + '=' + std::string(3500, 'v') + "; Path=/", now);
    }
    const auto header = jar.header_for(url("wss://a.example/hub"), now);
    EXPECT_TRUE(header.starts_with("c0=v"));
    EXPECT_TRUE(can_be_sent("Cookie", header)) << header.size();
}

// Only a time that has come ends a cookie; what is neither number nor date says nothing.
TEST(CookieJar, ends_cookies_in_time) {
    struct Row {
        const char* attributes;
        bool is_kept;
    };
    const Row rows[] = {
        {"Expires=Thu, 01 Jan 1970 00:00:00 GMT", false},
        {"Expires=Thu, 01-Jan-1970 00:00:00 GMT", false},
        {"Expires=Thursday, 01-Jan-70 00:00:00 GMT", false},
        {"Expires=Thu Jan  1 00:00:00 1970", false},
        {"Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9", true},
        {"Expires=Thu, 31-Dec-37 23:55:55 GMT", true},
        {"Expires=Thursday, 31-Dec-37 23:55:55 GMT", true},
        {"Expires=Fri, 31 Dec 9999 23:59:59 GMT", true},
        {"Expires=Thu, 01 Jan 1970 00:00:00 UTC", false},
        {"Expires=Thu, 01 Jan 1970 00:00:00 +0000", false},
        {"expires=thu, 01 jan 1970 0:00:00 gmt", false},
        {"Expires=1 January 1970 00:00:00", false},
        {"Expires=\"Thu, 01 Jan 1970 00:00:00 GMT\"", false},
        {"Expires=Thu, 31 Feb 1971 00:00:00 GMT", true},
        {"Expires=Thu, 01 Jan 1970 00:60:00 GMT", true},
        {"Expires=01 Jan 1970", true},
        {"Expires=0", true},
        {"Expires=soon", true},
        {"Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT", false},
        {"Max-Age=00", false},
        {"Max-Age=-1", false},
        {"Max-Age=-0", false},
        {"Max-Age=99999999999999999999", true},
        {"Max-Age=abc", true},
        {"Max-Age=+0", true},
        {"Max-Age=\"0\"", true},
        {"Max-Age=", true},
        {"Max-Age=-", true},
        {"Max-Age=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false},
    };
    const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    for (const Row& row : rows) {
        CookieJar jar;
        jar.store(url("https://a.example/x"), "route=before; Path=/", now);
        jar.store(url("https://a.example/x"), std::string("route=n1; Path=/; ") + row.attributes, now);
        EXPECT_EQ(jar.header_for(url("wss://a.example/hub"), now), row.is_kept ? "route=n1" : "") << row.attributes;
    }
    CookieJar jar;
    jar.store(url("https://a.example/x"), "route=n1; Path=/; Max-Age=60", now);
    EXPECT_EQ(jar.header_for(url("wss://a.example/hub"), now + 59s), "route=n1");
    EXPECT_EQ(jar.header_for(url("wss://a.example/hub"), now + 60s), "");
}

// Seconds, dates, and neither.
TEST(RetryAfter, reads_both_forms) {
    const auto now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    const auto wait = [&](std::string_view value) { return jiro::http::parse_retry_after(value, now); };
    EXPECT_EQ(wait("120"), BoundedDuration(120s));
    EXPECT_EQ(wait("Sun, 22 Nov 2026 00:01:00 GMT"), BoundedDuration(60s));
    EXPECT_EQ(wait("Sat, 21 Nov 2026 23:59:00 GMT"), BoundedDuration(0s));
    EXPECT_EQ(wait("Sunday, 22-Nov-26 00:01:00 GMT"), BoundedDuration(60s));
    EXPECT_EQ(wait("Sun Nov 22 00:01:00 2026"), BoundedDuration(60s));
    for (const char* value : {"soon", "", "-5", "NaN", "Sun, 22 Nov 2026"}) {
        EXPECT_EQ(wait(value), std::nullopt) << value;
    }
}

// However long the server wishes to be left alone, and however wrong our clock is: an hour.
TEST(RetryAfter, is_at_most_an_hour) {
    const auto now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);
    for (const char* value : {"86400", "31536000", "9223372036854775807", "99999999999999999999",
                              "Mon, 22 Nov 2027 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"}) {
        EXPECT_EQ(jiro::http::parse_retry_after(value, now), BoundedDuration(1h)) << value;
        EXPECT_EQ(jiro::http::parse_retry_after(value, WallTime{}), BoundedDuration(1h)) << value;
    }
    EXPECT_EQ(jiro::http::parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", now), BoundedDuration(0s));
    EXPECT_EQ(jiro::http::parse_retry_after("Mon, 01 Jan 0001 00:00:00 GMT", now), BoundedDuration(0s));
}

// Silence of the server counts only while we read.
TEST(KeepAlive, does_not_count_silence_while_reading_is_paused) {
    KeepAlive keep_alive(15s, 30s, kStart);
    EXPECT_FALSE(keep_alive.ping_due(kStart + 14s));
    EXPECT_TRUE(keep_alive.ping_due(kStart + 15s));
    keep_alive.reading_paused();
    EXPECT_FALSE(keep_alive.server_is_silent(kStart + 100s));
    keep_alive.reading_resumed(kStart + 100s);
    EXPECT_FALSE(keep_alive.server_is_silent(kStart + 129s));
    EXPECT_TRUE(keep_alive.server_is_silent(kStart + 130s));
}

// Acks release in order; impossible ones change nothing.
TEST(ResumeBuffer, releases_what_was_acknowledged) {
    ResumeBuffer buffer(6);
    for (const char* record : {"aa", "bb", "cc"}) buffer.sent(record);
    EXPECT_TRUE(buffer.is_full());
    buffer.acknowledged(2);
    buffer.acknowledged(1);
    EXPECT_EQ(buffer.first_unacknowledged(), 3);
    EXPECT_THAT(buffer.unacknowledged(), testing::ElementsAre("cc"));
    buffer.acknowledged(1000);
    EXPECT_EQ(buffer.first_unacknowledged(), 4);
}

// A repeated message is dropped, a gap is an error.
TEST(ReceivedSequence, drops_repeats_and_refuses_gaps) {
    ReceivedSequence sequence;
    EXPECT_TRUE(sequence.accept(kStart));
    EXPECT_TRUE(sequence.accept(kStart));
    ASSERT_TRUE(sequence.continue_at(2));
    EXPECT_FALSE(sequence.accept(kStart));
    EXPECT_TRUE(sequence.accept(kStart));
    EXPECT_EQ(sequence.continue_at(5).error().code, errc::sequence_gap);
    EXPECT_EQ(sequence.continue_at(0).error().code, errc::protocol_error);
    EXPECT_EQ(sequence.take_ack(), 3);
}

Failure failure(errc code = errc::connection_lost) { return Failure{Error(code)}; }

// The largest delay of each attempt doubles up to the cap, then Failed, then from the start.
TEST(ConnectionFsm, backs_off_then_fails_then_starts_again) {
    Settings settings;
    test::FixedRandom random{0};
    ConnectionFsm fsm(random, {});
    EXPECT_EQ(fsm.start(kStart).to, State::connecting);
    for (int attempt = 1; attempt <= 4; ++attempt) {
        fsm.attempt_started();
        const auto step = fsm.attempt_failed(settings, failure(), kStart);
        EXPECT_EQ(step.to, State::connecting) << attempt;
        EXPECT_EQ(step.delay, Duration::zero());
    }
    fsm.attempt_started();
    const auto failed = fsm.attempt_failed(settings, failure(), kStart);
    EXPECT_EQ(failed.to, State::failed);
    EXPECT_GE(*failed.delay, 30s);
    EXPECT_LE(*failed.delay, 60s);
    EXPECT_EQ(fsm.start(kStart).from, State::failed);
    EXPECT_EQ(fsm.attempts(), 0);
}

// Attempts are forgotten only after a minute of stable connection.
TEST(ConnectionFsm, forgets_attempts_after_a_stable_minute) {
    Settings settings;
    test::FixedRandom random{0};
    ConnectionFsm fsm(random, {});
    fsm.start(kStart);
    fsm.attempt_started();
    fsm.opened(kStart);
    fsm.lost(settings, failure(), kStart + 59s);
    EXPECT_EQ(fsm.attempts(), 1);
    fsm.attempt_started();
    fsm.opened(kStart + 60s);
    fsm.lost(settings, failure(), kStart + 120s);
    EXPECT_EQ(fsm.attempts(), 0);
}

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// After 1012 the first attempt comes within U(5 s, max(30 s, ReconnectionDelay)), after a short connection too; the
// attempts after it, and a crash, follow the usual policy; the limit of attempts holds.
TEST(ConnectionFsm, spreads_the_first_attempt_after_a_restart) {
    struct Row {
        const char* name;
        std::chrono::milliseconds first;
        std::chrono::milliseconds cap;
        int attempts_before;
        std::optional<std::uint16_t> close_code;
        std::optional<Duration> least;
        std::optional<Duration> most;  // nullopt: Failed
    };
    const Row rows[] = {
        {"restart", 5s, 60s, 0, 1012, 5s, 30s},
        {"restart, short connection", 5s, 60s, 3, 1012, 5s, 30s},
        {"restart, large fleet", 300s, 600s, 0, 1012, 5s, 300s},
        {"restart, large fleet, short connection", 300s, 600s, 1, 1012, 5s, 300s},
        {"restart, attempts used up", 5s, 60s, 5, 1012, {}, {}},
        {"crash", 5s, 60s, 0, {}, 0s, 5s},
        {"crash, large fleet", 300s, 600s, 0, {}, 0s, 300s},
        {"crash, short connection", 5s, 60s, 3, {}, 0s, 40s},
        {"other close code", 5s, 60s, 0, 1001, 0s, 5s},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        Settings settings;
        settings.reconnection_delay = row.first;
        settings.max_reconnection_delay = row.cap;
        Failure why = failure(errc::websocket_closed);
        why.close_code = row.close_code;
        for (const std::uint64_t drawn : {std::uint64_t{0}, kMost}) {
            test::FixedRandom random{drawn};
            ConnectionFsm fsm(random, {});
            fsm.start(kStart);
            for (int i = 0; i < row.attempts_before; ++i) fsm.attempt_started();
            fsm.opened(kStart);
            const auto step = fsm.lost(settings, why, kStart + (row.attempts_before == 0 ? 2min : 1s));
            if (!row.most) {
                EXPECT_EQ(step.to, State::failed);
                continue;
            }
            EXPECT_EQ(step.to, State::reconnecting);
            EXPECT_GE(*step.delay, *row.least);
            EXPECT_LE(*step.delay, *row.most);
            if (drawn == 0) {
                EXPECT_EQ(*step.delay, *row.least);
                fsm.attempt_started();
                EXPECT_LT(*fsm.attempt_failed(settings, failure(), kStart).delay, 5s) << "only the first is spread";
            }
        }
    }
}

// The policy is asked with 0 for the first retry, both after a start and after a loss.
TEST(ConnectionFsm, counts_retries_for_the_policy_from_zero) {
    Settings settings;
    test::FixedRandom random{0};
    std::vector<int> asked;
    ConnectionFsm fsm(random, [&](const RetryContext& context) -> std::optional<Duration> {
        asked.push_back(context.previous_retry_count);
        return 1s;
    });
    fsm.start(kStart);
    fsm.attempt_failed(settings, failure(), kStart);
    fsm.attempt_failed(settings, failure(), kStart);
    fsm.opened(kStart);
    fsm.lost(settings, failure(), kStart);
    fsm.attempt_failed(settings, failure(), kStart);
    fsm.restarted(kStart);
    fsm.attempt_failed(settings, failure(), kStart);
    EXPECT_THAT(asked, testing::ElementsAre(0, 1, 0, 1, 0));
}

// 1012 spreads the first attempt; Retry-After is a lower bound; a rejection fails at once.
TEST(ConnectionFsm, heeds_what_the_server_says) {
    Settings settings;
    test::FixedRandom random{0};
    ConnectionFsm fsm(random, {});
    fsm.start(kStart);
    fsm.opened(kStart);
    Failure restart = failure(errc::websocket_closed);
    restart.close_code = 1012;
    EXPECT_EQ(fsm.lost(settings, restart, kStart + 2min).delay, 5s);

    Failure busy = failure(errc::negotiate_failed);
    busy.retry_after = 90s;
    fsm.attempt_started();
    EXPECT_GE(*fsm.attempt_failed(settings, busy, kStart).delay, 90s);

    Failure rejected = failure(errc::unauthorized);
    rejected.rejected = true;
    fsm.attempt_started();
    EXPECT_EQ(fsm.attempt_failed(settings, rejected, kStart).to, State::failed);
}

}  // namespace
}  // namespace jiro::signalr
