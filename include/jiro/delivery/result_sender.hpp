// SPDX-License-Identifier: MIT
#pragma once
// The way of one message to the server: one attempt, its answer as data. The Courier decides what an answer means.
// GrpcResultSender is the real one; tests script a fake.

#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/bounded_duration.hpp"
#include "jiro/base/task.hpp"
#include "jiro/base/trace_context.hpp"
#include "jiro/delivery/client_message.hpp"

namespace jiro::delivery {

// gRPC's status codes, by their numbers.
enum class StatusCode {
    ok = 0,
    cancelled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
    unauthenticated = 16,
};

[[nodiscard]] std::string_view to_string(StatusCode code) noexcept;  // "UNAVAILABLE"; empty: gRPC has no such number

struct SendResult {
    StatusCode code = StatusCode::unavailable;
    bool success = false;                        // CommandResultResponse.success; meaningful with ok
    std::string message;                         // the status' or the answer's text
    std::optional<BoundedDuration> retry_after;  // RetryInfo, or grpc-retry-pushback-ms
    bool is_local = false;                       // no peer said this: gRPC, or this program, made the status up
    bool is_by_us = false;                       // cancel_calls() ended it

    [[nodiscard]] bool confirmed() const noexcept {
        return (code == StatusCode::ok && success) || code == StatusCode::already_exists;
    }
};

class ResultSender {
  public:
    virtual ~ResultSender() = default;

    // One attempt, in the trace of the command, when it has one. Always ends, at its deadline at the latest; cancelling
    // the awaiting coroutine cancels the call. It is awaited at once: what it is given lives until it ends.
    [[nodiscard]] virtual Task<SendResult> send(const Bytes& message, const std::string& id, int attempt,
                                                const TraceContext& trace) = 0;

    // Forget the connection: credentials, certificates or the network changed.
    virtual void reset() = 0;

    // Looks whether the server fills this process's memory with an answer, and ends the calls then. To be called again
    // and again while calls are under way.
    virtual void watch() = 0;

    // Ends the calls under way: they are answered CANCELLED. They were made with settings that are no longer wanted.
    virtual void cancel_calls() = 0;
};

}  // namespace jiro::delivery
