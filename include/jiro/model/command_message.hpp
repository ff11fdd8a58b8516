// SPDX-License-Identifier: MIT
#pragma once
// A command as the hub sent it. A value: made by commands' parser, journalled by delivery, run by commands.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "jiro/base/trace_context.hpp"

namespace jiro {

using Parameters = std::vector<std::pair<std::string, std::string>>;  // in the message's order

struct CommandMessage {
    std::string instance_id;
    std::string command;          // the text: name and arguments
    std::string command_sync_id;  // the idempotency key; never empty once parsed without error
    std::string session_id;       // empty: none was given; the dispatcher creates one
    Parameters parameters;
    TraceContext trace{};  // no part of what the command is: the same command may come again in another trace

    friend bool operator==(const CommandMessage&, const CommandMessage&) = default;
};

// Of what makes two commands the same: XXH3, 128 bits, twice. commands::fingerprint() makes it, the journal compares
// it. Rows of version 0.1 have SHA-256 in its place, whose halves differ.
using Fingerprint = std::array<std::uint8_t, 32>;

}  // namespace jiro
