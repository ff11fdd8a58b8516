// SPDX-License-Identifier: MIT
#pragma once
// sessions.db: the conversations on disk, in the two tables of the C# client, so that its jiro.db can be taken over as
// it is, and with some columns more. One process has it open. On the sessions' thread only; failures are thrown as
// StorageError, or as ForeignFile.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "jiro/assistant/errors.hpp"
#include "jiro/assistant/sessions.hpp"
#include "jiro/assistant/settings.hpp"
#include "jiro/base/sqlite.hpp"
#include "jiro/model/session_store.hpp"

namespace jiro::assistant {

// What limits the file.
struct SessionLimits {
    int max_sessions = 10'000;
    std::chrono::days max_age{0};  // 0: none
    std::uint64_t max_bytes = 1024ULL * 1024 * 1024;
};

// A moment on both clocks. Within a boot only the boot clock says how much time has passed: the wall clock may be set.
struct Instant {
    Instant() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): of which nothing else is known
    Instant(WallTime on_the_wall, std::string boot = {}, std::chrono::milliseconds since_its_start = {})
        : wall(on_the_wall), boot_id(std::move(boot)), since_boot(since_its_start) {}

    WallTime wall{};
    std::string boot_id;
    std::chrono::milliseconds since_boot{};
};

struct NewExchange {
    std::string session_id;
    std::string instance_id;
    std::string question;
    std::string question_id;  // of the two messages
    std::string answer_id;
    Instant now{};
    std::size_t history_bytes = 0;  // at most so much of what was said before
};

struct StoredExchange {
    std::int64_t sequence = 0;  // of its answer
    std::string question;
    std::string answer;

    [[nodiscard]] std::size_t bytes() const noexcept { return question.size() + answer.size(); }
};

// What the model is told of the session: whole exchanges, oldest first, the newest that fit.
struct History {
    std::vector<StoredExchange> exchanges;
    std::string summary;            // of what came before them
    bool has_unsummarized = false;  // something older is neither in `exchanges` nor in `summary`
};

// How much of an answer is there.
enum class AnswerState { whole = 0, cut = 1, being_written = 2 };

// A file that holds no conversations, to be opened (errc::not_sessions) or to be taken over (errc::import_failed): the
// disk is well.
struct ForeignFile : std::runtime_error {
    ForeignFile(errc error, const std::string& text) : std::runtime_error(text), code(error) {}
    errc code;
};

class SessionFile {
  public:
    // Makes what is missing, 0600.
    explicit SessionFile(const std::filesystem::path& path);
    // Answers that a killed process left half are marked as cut. At a process's first opening: later it finds its own.
    void mark_interrupted();

    // The question is stored, and a place for its answer.
    History begin(const NewExchange& exchange);
    // In the place that begin() made; without a word the place goes. false: there is none, it was removed meanwhile.
    bool write_answer(const std::string& answer_id, std::string_view text, AnswerState state, std::int64_t tokens,
                      const Instant& now);
    // What `history` left out, oldest first, and not more than that of the newest of it.
    [[nodiscard]] std::vector<StoredExchange> unsummarized(const std::string& session_id, std::int64_t before,
                                                           std::size_t max_bytes);
    void set_summary(const std::string& session_id, std::string_view summary, std::int64_t until);
    bool reset(const std::string& session_id);  // the context begins anew; false: there is no such session

    [[nodiscard]] SessionList list(std::size_t limit);
    [[nodiscard]] SessionPage page(std::int64_t after, std::size_t limit);
    [[nodiscard]] std::optional<SessionSummary> find(const std::string& id);
    [[nodiscard]] std::vector<SessionMessage> messages(const std::string& id, const MessagePage& page);
    bool remove(const std::string& id);
    bool update(const std::string& id, const SessionChange& change);

    // Removes what is over the limits, the least recently used first, never the last, and none in which an answer is
    // being written. How many went. A conversation of this boot is as old as the boot clock says, and its time on the
    // wall follows a clock that was set since.
    std::uint64_t sweep(const SessionLimits& limits, const Instant& now);

    // Takes over what another file of this kind, or the C# client's, holds; what is here stays. Tolerant: as much as
    // can be read of a damaged one, which is this process's own: its answers are still being written.
    enum class Reading { strict, tolerant };
    ImportCounts import_from(const std::filesystem::path& path, Reading reading);

    // What the thorough check finds; nullopt: the file is sound.
    [[nodiscard]] std::optional<std::string> damage() { return database_.damage(); }
    // What has been written is in the file alone.
    void checkpoint() { database_.checkpoint(); }
    // What of the file that was there is lost, or was nearly; empty: nothing.
    [[nodiscard]] const std::string& loss() const noexcept { return loss_; }
    [[nodiscard]] Standing standing() noexcept { return database_.standing(); }
    void renew_log() { database_.renew_log(); }
    void remove_log() noexcept { database_.remove_log(); }
    void copy_to(const std::filesystem::path& file) { database_.copy_to(file.string()); }

    [[nodiscard]] std::uint64_t bytes();
    [[nodiscard]] std::uint64_t sessions();

  private:
    [[nodiscard]] bool is_empty(const std::filesystem::path& path);
    void create_schema();
    void add_boot_columns();
    void follow_wall_clock(const Instant& now);
    [[nodiscard]] History history_of(const std::string& session_id, std::size_t max_bytes);
    void forget_deleted();
    [[nodiscard]] std::int64_t last_sequence();  // of a message that was ever here

    std::string loss_;
    Database database_;
};

// A damaged file is kept beside its place, which a new one takes with what can be read of it.
struct Rebuilt {
    std::filesystem::path kept_as;
    ImportCounts taken;
};
[[nodiscard]] Rebuilt rebuild(const std::filesystem::path& path);
// All of an open file that was removed, or whose place another one took, into a new one there. What took the place is
// kept under the name that is given back.
std::filesystem::path put_back(SessionFile& file, const std::filesystem::path& path);

}  // namespace jiro::assistant
