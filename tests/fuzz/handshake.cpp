// SPDX-License-Identifier: MIT
// Any first record is an accepted handshake or a named refusal.
#include "signalr/protocol/handshake.hpp"

#include "check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto answer = jiro::signalr::parse_handshake_response(jiro::fuzz::text_of(data, size));
    if (!answer) jiro::fuzz::check(!answer.error().message.empty(), "an error says what is wrong");
    return 0;
}
