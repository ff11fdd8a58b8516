// SPDX-License-Identifier: MIT
#pragma once
// What the hub asks of us, what handlers look like, and how a handler with typed parameters is made.
//
//     connection.on("Notify", bind<std::string, int>([](std::string text, int level) -> Task<> { ... }));
//     connection.on_result("Add", bind_result<int, int>([](int a, int b) -> Task<Result<nlohmann::json>> { ... }));
//
// Handlers run on the event loop, never inside the read loop: they may call and await anything of the connection. A
// handler that throws is logged and, if the hub waits for a result, answered with the exception's text.

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/task.hpp"

namespace jiro::signalr {

// Reads an invocation's arguments while the record is read, without a tree of them: its events are those of the
// elements of `arguments`. The record may turn out to be bad behind it, and then nobody asks for what it has.
using ArgumentsReader = std::shared_ptr<JsonHandler>;

struct Invocation {
    std::string target;
    std::optional<std::string>
        invocation_id;  // set: the hub waits for one Completion (sent by the connection, not by you)
    nlohmann::json arguments = nlohmann::json::array();  // always an array
    // While some copy of it exists, the record's bytes count towards what may be in memory; beyond a limit no further
    // records are read. A handler that has done with the arguments long before it ends lets it go.
    std::shared_ptr<const void> hold = nullptr;
    // The record has too many values, or one that cannot be read: `arguments` hold what stood before that. Only
    // handlers that asked for it (OverLimit::take) see such an invocation; for the others it is answered as one that
    // cannot be parsed.
    std::optional<Error> over_limit = std::nullopt;
    // Of the record, by their names as they came: `traceparent`, for one. Not those of any request.
    std::map<std::string, std::string> headers = {};
    // Of a handler that was registered with one: set, it has read the arguments, and `arguments` is empty.
    ArgumentsReader reader = nullptr;
};

enum class OverLimit { refuse, take };

// Run one after another in order of arrival. Throw ArgumentMismatch when the arguments do not fit.
using Handler = std::function<Task<>(Invocation)>;

// Run concurrently, started in order of arrival. Value: the Completion's result; Error: its message becomes the
// Completion's error. Without an invocation id nothing is sent. Cancelled (operation_aborted) by the hub's
// CancelInvocation and by stop().
using ResultHandler = std::function<Task<Result<nlohmann::json>>(Invocation)>;

// Thrown by a handler whose arguments have the wrong count or type: logged, and answered "Client failed to parse
// argument(s).".
struct ArgumentMismatch : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

template <typename... Args, std::size_t... Index>
std::tuple<Args...> read_arguments(const nlohmann::json& arguments, std::index_sequence<Index...>) {
    if (arguments.size() != sizeof...(Args)) {
        throw ArgumentMismatch("expected " + std::to_string(sizeof...(Args)) + " argument(s), got " +
                               std::to_string(arguments.size()));
    }
    std::tuple<Args...> values;
    if (!(read_value(arguments[Index], std::get<Index>(values)) && ...)) {
        throw ArgumentMismatch("an argument has the wrong type");
    }
    return values;
}

template <typename Returned, typename... Args, typename Function>
std::function<Task<Returned>(Invocation)> bind_as(Function function) {
    // Not itself a coroutine: the arguments are checked before the bound function's coroutine is made.
    return [function = std::move(function)](Invocation invocation) -> Task<Returned> {
        auto values = read_arguments<Args...>(invocation.arguments, std::index_sequence_for<Args...>());
        return std::apply(function, std::move(values));
    };
}

}  // namespace detail

// A handler with typed parameters: the count and the types of the arguments are checked before `function` is called.
template <typename... Args, typename Function>
[[nodiscard]] Handler bind(Function function) {
    return detail::bind_as<void, Args...>(std::move(function));
}

template <typename... Args, typename Function>
[[nodiscard]] ResultHandler bind_result(Function function) {
    return detail::bind_as<Result<nlohmann::json>, Args...>(std::move(function));
}

}  // namespace jiro::signalr
