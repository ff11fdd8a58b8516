// SPDX-License-Identifier: MIT
#pragma once
// A command as it goes to the clients, and what came back. Plain data for the library's users and the control socket.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dev_hub/hub_session.hpp"
#include "dev_hub/options.hpp"
#include "dev_hub/result_store.hpp"

namespace jiro::dev_hub {

struct Command {
    std::string text;
    std::string sync_id;  // empty: a new UUID
    std::string instance_id;
    std::string session_id;  // empty: left out
    std::vector<std::pair<std::string, std::string>> parameters;
    InvocationHeaders headers;  // of the invocation, beside its argument
};

// The JSON object of the `ReceiveCommand` argument; as ArgumentForm::string, that object inside a JSON string.
[[nodiscard]] std::string command_json(const Command& command, ArgumentForm form);

// What `send` waits for.
enum class WaitFor { nothing, completion, result, both };
enum class Invocation { plain, with_id };  // with_id asks for a client result

struct SendRequest {
    Command command;
    Invocation invocation = Invocation::plain;
    WaitFor wait = WaitFor::result;
    std::string connection_id;  // empty: every connected client
    std::optional<ArgumentForm> argument;
    std::string target;                                 // empty: the server's
    Duration timeout = std::chrono::seconds(30);        // for the result
    Duration client_timeout = std::chrono::seconds(3);  // for a client, when none is connected
};

struct SendOutcome {
    std::string sync_id;
    int clients = 0;                               // that it was sent to
    std::shared_ptr<const ReceivedResult> result;  // accepted over gRPC
    std::optional<ClientResult> completion;
    Duration elapsed{};
    std::string error;  // not empty: what was waited for did not come

    // Everything that was waited for came, and the command succeeded, as far as what came says.
    [[nodiscard]] bool success() const;
};

// A method of the client's with one argument, and what it answered: the production hub's requests, by hand.
struct ClientRequest {
    std::string target;
    std::string argument = "{}";                        // JSON text
    Duration timeout = std::chrono::seconds(30);        // for the answer
    Duration client_timeout = std::chrono::seconds(3);  // for a client, when none is connected
};

}  // namespace jiro::dev_hub
