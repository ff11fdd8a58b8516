// SPDX-License-Identifier: MIT
// A record is a message or a named error; a message written is one record that reads as the same message.
#include "signalr/protocol/json_codec.hpp"

#include <algorithm>

#include "check.hpp"
#include "signalr/protocol/record_splitter.hpp"

using namespace jiro::signalr;
using jiro::fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = parse_record(jiro::fuzz::text_of(data, size));
    if (!message) {
        check(!message.error().message.empty(), "an error says what is wrong");
        return 0;
    }
    if (std::holds_alternative<UnknownMessage>(*message)) return 0;
    std::string once;
    check(append_record(once, *message).has_value(), "what was read can be written");
    check(std::ranges::count(once, kRecordSeparator) == 1 && once.ends_with(kRecordSeparator), "one record is written");
    const auto again = parse_record(std::string_view(once).substr(0, once.size() - 1));
    check(again.has_value(), "what was written can be read");
    check(again->index() == message->index(), "its type is the same");
    std::string twice;
    check(append_record(twice, *again).has_value() && once == twice, "its content is the same");
    return 0;
}
