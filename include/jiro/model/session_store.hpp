// SPDX-License-Identifier: MIT
#pragma once
// The conversations that this machine keeps, as those who show and manage them see them: the hub's session requests and
// the command line. The assistant keeps them on disk and writes them; where there is none, EmptySessionStore stands in.
//
// Threads: every function is called on the event loop. Storage has its own thread; a Task resumes on its caller's
// executor. What is asked for is bounded by the caller, in number and in bytes. A session that does not exist is no
// error: it is nullopt, false or an empty page. An Error means that the storage failed; its sentence is for the
// operator, not for the hub.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"

namespace jiro {

struct SessionSummary {
    std::string id;
    std::string name;
    std::string description;
    WallTime created_at{};
    WallTime last_used_at{};
    std::uint64_t messages = 0;
};

struct SessionList {
    std::uint64_t total = 0;               // of the store, also of those that are not in the list
    std::vector<SessionSummary> sessions;  // the last used one first
};

// A part of all sessions, in the order in which they began: what is used meanwhile keeps its place.
struct SessionPage {
    std::vector<SessionSummary> sessions;
    std::optional<std::int64_t> next;  // the next page's `after`; nothing: this is the last one
};

enum class MessageKind { text, graph, image };
inline constexpr std::array<std::string_view, 3> kMessageKindNames{"text", "graph", "image"};
[[nodiscard]] constexpr std::string_view to_string(MessageKind kind) noexcept {
    return kMessageKindNames[static_cast<std::size_t>(kind)];
}

struct SessionMessage {
    std::int64_t sequence = 0;  // grows with each message of a session; pages go on after it
    std::string id;
    bool is_user = false;  // false: the assistant's
    MessageKind kind = MessageKind::text;
    std::string content;  // UTF-8
    WallTime created_at{};
};

enum class MessageOrder { oldest_first, newest_first };

// A part of a session's messages. Reading all of them is a loop: the next page starts after the last message's
// sequence, until a page is empty.
struct MessagePage {
    MessageOrder order = MessageOrder::oldest_first;
    std::optional<std::int64_t> after;  // the sequence of the previous page's last message, in that order
    std::size_t limit = 100;
    std::size_t max_bytes = 256 * 1024;  // of contents together; the first message of a page comes whatever its length
};

// What is nullopt stays as it is.
struct SessionChange {
    std::optional<std::string> name;
    std::optional<std::string> description;
};

class SessionStore {
  public:
    virtual ~SessionStore() = default;

    [[nodiscard]] virtual Task<Result<SessionList>> list(std::size_t limit) = 0;
    [[nodiscard]] virtual Task<Result<std::optional<SessionSummary>>> find(std::string id) = 0;
    [[nodiscard]] virtual Task<Result<std::vector<SessionMessage>>> messages(std::string id, MessagePage page) = 0;

    // false: there is no such session. Removed is gone for good, its messages with it.
    [[nodiscard]] virtual Task<Result<bool>> remove(std::string id) = 0;
    [[nodiscard]] virtual Task<Result<bool>> update(std::string id, SessionChange change) = 0;
};

// The store of a machine without an assistant.
class EmptySessionStore final : public SessionStore {
  public:
    [[nodiscard]] Task<Result<SessionList>> list(std::size_t) override { co_return SessionList(); }
    [[nodiscard]] Task<Result<std::optional<SessionSummary>>> find(std::string) override {
        co_return std::optional<SessionSummary>();
    }
    [[nodiscard]] Task<Result<std::vector<SessionMessage>>> messages(std::string, MessagePage) override {
        co_return std::vector<SessionMessage>();
    }
    [[nodiscard]] Task<Result<bool>> remove(std::string) override { co_return false; }
    [[nodiscard]] Task<Result<bool>> update(std::string, SessionChange) override { co_return false; }
};

}  // namespace jiro
