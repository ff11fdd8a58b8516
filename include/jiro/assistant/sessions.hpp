// SPDX-License-Identifier: MIT
#pragma once
// The conversations of this machine. SQLite is entered on a thread of its own, one call after the other; what is asked
// on the event loop is answered there. The file is opened at the first call, and again when it could not be: full,
// read-only and busy are errors until they have passed, a damaged file is moved aside and what can be read of it is
// taken over, one of a newer version is left alone.

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "jiro/assistant/settings.hpp"
#include "jiro/base/error.hpp"
#include "jiro/model/session_store.hpp"

namespace jiro::assistant {

// What Chat.Path names is another program's file, as is said at its first use (errc::not_sessions). Changes nothing.
[[nodiscard]] Result<> look_at_sessions_file(const std::filesystem::path& path);

class SessionFile;
struct SessionLimits;
struct NewExchange;
struct History;
struct Instant;
struct StoredExchange;
enum class AnswerState;

// What was taken over.
struct ImportCounts {
    std::uint64_t sessions = 0;
    std::uint64_t messages = 0;
};

class Sessions final : public SessionStore {
  public:
    Sessions(Clock& clock, std::filesystem::path path, const Settings& settings);
    ~Sessions() override;  // does what waits, closes the file
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    void update_limits(const Settings& settings);  // for what is swept from now on

    // For those who show and manage them.
    [[nodiscard]] Task<Result<SessionList>> list(std::size_t limit) override;
    [[nodiscard]] Task<Result<std::optional<SessionSummary>>> find(std::string id) override;
    [[nodiscard]] Task<Result<std::vector<SessionMessage>>> messages(std::string id, MessagePage page) override;
    [[nodiscard]] Task<Result<bool>> remove(std::string id) override;
    [[nodiscard]] Task<Result<bool>> update(std::string id, SessionChange change) override;

    // Reading all of them is a loop, from 0.
    [[nodiscard]] Task<Result<SessionPage>> page(std::int64_t after, std::size_t limit);

    // What is told to the model begins anew; the messages stay. false: there is no such session.
    [[nodiscard]] Task<Result<bool>> reset(std::string id);
    // Takes over the C# client's jiro.db, or another file of this kind; what is here stays.
    [[nodiscard]] Task<Result<ImportCounts>> import_from(std::filesystem::path file);

    // For the assistant.
    [[nodiscard]] Task<Result<History>> begin(NewExchange exchange);
    // errc::question_gone: not stored.
    [[nodiscard]] Task<Result<>> write_answer(std::string answer_id, std::string text, AnswerState state,
                                              std::int64_t tokens);
    [[nodiscard]] Task<Result<std::vector<StoredExchange>>> unsummarized(std::string id, std::int64_t before,
                                                                         std::size_t max_bytes);
    [[nodiscard]] Task<Result<>> set_summary(std::string id, std::string summary, std::int64_t until);

    // The last failure, while it lasts; empty: none. For the status.
    [[nodiscard]] std::string problem() const;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    class Storage;

    template <typename Answer, typename... Wanted, typename... Given>
    [[nodiscard]] Task<Result<Answer>> ask(Answer (SessionFile::*step)(Wanted...), Given... given);

    [[nodiscard]] Instant now() const;

    Clock& clock_;
    const std::filesystem::path path_;
    std::shared_ptr<Storage> storage_;  // shared with the calls that are under way
    const std::string boot_id_;
    boost::asio::thread_pool thread_{1};
};

}  // namespace jiro::assistant
