// SPDX-License-Identifier: MIT
#pragma once
// Why there is no answer, or no session, by name. The Error that carries one of these says what the user or the
// operator can do about it. What the disk or the database refuses is named by base/storage_error.hpp.

#include <boost/system/error_code.hpp>

namespace jiro::assistant {

enum class errc {
    // The question.
    empty_text = 1,  // nothing to answer
    text_too_long,   // over kMaxTextBytes
    bad_session_id,  // over 256 bytes, or with control characters
    busy,            // too many wait for this session
    prompt_file,     // SystemPromptFile cannot be read
    credentials,     // ApiKeyFile cannot be read, or holds what cannot be sent
    bad_proxy,       // Chat.Proxy, or the environment's, cannot be used
    // The way to the endpoint, and its answer.
    unreachable,       // name, TCP, proxy or TLS failed; the message has the reason
    unauthorized,      // 401
    forbidden,         // 403
    payment_required,  // 402, or a quota that is used up
    rate_limited,      // 429, again after the wait that was asked for, or when that wait is too long
    model_not_found,   // 404, or the endpoint's code for it
    context_too_long,  // the endpoint's code for it, or 413
    request_refused,   // another 4xx
    endpoint_failed,   // 5xx, or an error in the stream
    redirected,        // 3xx: not followed
    not_an_api,        // a success that is no JSON and no event stream
    bad_answer,        // JSON that is no completion
    too_large,         // over kMaxTextBytes, or the limits of the stream
    connection_lost,   // in the middle of the answer
    idle_timeout,      // no piece of the answer for Chat.IdleTimeoutMs
    timeout,           // Chat.TimeoutMs
    cancelled,         // by the hub, the operator, or the daemon's stop
    refused,           // the model's refusal, or the endpoint's content filter
    empty_answer,      // it ended without a word
    too_many_tool_calls,
    // The sessions.
    question_gone,  // with its session, which was removed while the answer was made
    import_failed,  // the file to be taken over cannot be read, or is none
    not_sessions,   // the file of the sessions is another program's
};

[[nodiscard]] const boost::system::error_category& assistant_category() noexcept;

[[nodiscard]] inline boost::system::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), assistant_category()};
}

}  // namespace jiro::assistant

template <>
struct boost::system::is_error_code_enum<jiro::assistant::errc> : std::true_type {};
