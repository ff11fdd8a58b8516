// SPDX-License-Identifier: MIT
#include "assistant/event_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace jiro::assistant {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> events_of(std::string_view text, std::size_t piece) {
    EventStream stream(1000);
    std::vector<std::string> events;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        stream.feed(text.substr(at, piece));
        while (auto event = stream.next()) events.push_back(event->type + '|' + event->data);
    }
    stream.end();
    while (auto event = stream.next()) events.push_back(event->type + '|' + event->data);
    return events;
}

// Events are the same wherever the bytes are cut, with each kind of line end (HTML standard, 9.2.6).
TEST(EventStream, takes_events_cut_anywhere) {
    for (const char* end : {"\n", "\r\n", "\r"}) {
        std::string text =
            "\xEF\xBB\xBF: a comment|data: one|id: 7|data:two||event: y||event: x|data: \xC3\xA4||data||data|data||";
        for (auto at = text.find('|'); at != std::string::npos; at = text.find('|')) text.replace(at, 1, end);
        for (std::size_t piece = 1; piece < 12; ++piece)
            EXPECT_THAT(events_of(text, piece), ElementsAre("|one\ntwo", "x|\xC3\xA4", "|", "|\n")) << piece;
    }
}

// What ends without an empty line counts; fields that are no data do not.
TEST(EventStream, the_end_ends_an_event) {
    EXPECT_THAT(events_of("data: last", 3), ElementsAre("|last"));
    EXPECT_THAT(events_of("database: x\n\nretry: 1\n\n", 5), IsEmpty());
}

TEST(EventStream, takes_the_field_of_an_error) {
    EXPECT_THAT(events_of("data: a\n\nerror: {\"code\":500}\n\ndata: b\n\n", 4),
                ElementsAre("|a", "error|{\"code\":500}", "|b"));
}

// Neither a line nor an event without end fills the memory.
TEST(EventStream, is_bounded) {
    EventStream line(100);
    line.feed(std::string(200, 'x'));
    EXPECT_FALSE(line.next());
    EXPECT_TRUE(line.overflowed());
    EventStream event(100);
    for (int i = 0; i < 50 && !event.overflowed(); ++i) {
        event.feed("data: 12345\n");
        EXPECT_FALSE(event.next());
    }
    EXPECT_TRUE(event.overflowed());
}

}  // namespace
}  // namespace jiro::assistant
