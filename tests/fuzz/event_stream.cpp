// SPDX-License-Identifier: MIT
// A model's endpoint streams its answer: server-sent events, each with a piece in JSON. The events are the same
// wherever the bytes are cut, none is longer than its limit, and what they make of an answer stays within its own.
#include "assistant/event_stream.hpp"

#include <vector>

#include "assistant/wire.hpp"
#include "check.hpp"

namespace {

using jiro::assistant::EventStream;
using jiro::assistant::StreamEvent;

constexpr std::size_t kLimit = 512;

struct Read {
    std::vector<StreamEvent> events;
    bool overflowed = false;
};

Read read_in_pieces(std::string_view bytes, std::size_t piece) {
    Read read;
    EventStream stream(kLimit);
    const auto take = [&] {
        for (auto event = stream.next(); event; event = stream.next()) read.events.push_back(std::move(*event));
    };
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        stream.feed(bytes.substr(at, piece));
        take();
    }
    stream.end();
    take();
    read.overflowed = stream.overflowed();
    return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using jiro::fuzz::check;
    if (size == 0) return 0;
    const std::size_t piece = 1 + data[0] % 32;
    const auto bytes = jiro::fuzz::text_of(data + 1, size - 1);
    const Read read = read_in_pieces(bytes, piece);
    const Read byte_by_byte = read_in_pieces(bytes, 1);
    // A line that is too long ends the stream; how much of it is there when that is seen depends on the cuts.
    if (!read.overflowed && !byte_by_byte.overflowed)
        check(read.events == byte_by_byte.events, "the events are the same wherever the bytes are cut");

    jiro::assistant::Completion answer;
    for (const auto& event : read.events) {
        check(event.data.size() <= kLimit, "an event is within its limit");
        const auto added = jiro::assistant::add_piece(event, answer);
        if (!added || added->is_end) break;
        check(answer.text.size() <= jiro::assistant::kMaxTextBytes, "an answer is within its limit");
    }
    return 0;
}
