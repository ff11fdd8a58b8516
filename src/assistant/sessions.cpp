// SPDX-License-Identifier: MIT
#include "jiro/assistant/sessions.hpp"

#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <type_traits>

#include "assistant/log.hpp"
#include "assistant/session_file.hpp"
#include "jiro/assistant/errors.hpp"
#include "jiro/base/on_worker.hpp"

namespace jiro::assistant {

namespace asio = boost::asio;

namespace {

SessionLimits limits_of(const Settings& settings) {
    return {settings.max_sessions, settings.max_age, settings.max_bytes};
}

Error sentence(storage_errc code, const std::filesystem::path& path, const std::string& what) {
    switch (code) {
        case storage_errc::full:
            return Error(code, "no space is left for the conversations: " + what);
        case storage_errc::busy:
            return Error(code, path.string() + " is in use by another process: " + what);
        default:
            return Error(code, "the conversations in " + path.string() + " cannot be used: " + what);
    }
}

}  // namespace

// What the thread has. Calls come one after the other.
class Sessions::Storage {
  public:
    Storage(std::filesystem::path path, SessionLimits limits) : path_(std::move(path)), limits_(limits) {}
    ~Storage() {
        if (file_ && file_->standing() != Standing::whole) (void)perform<void>([](SessionFile&) {});
    }
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    template <typename T>
    Result<T> perform(const std::function<T(SessionFile&)>& work) {
        for (int tries = 1;; ++tries) {
            try {
                open();
                if constexpr (std::is_void_v<T>) {
                    work(*file_);
                    note({});
                    return {};
                } else {
                    auto value = work(*file_);
                    note({});
                    return value;
                }
            } catch (const ForeignFile& refused) {
                if (refused.code == errc::import_failed) return Error(refused.code, refused.what());
                return failed(Error(refused.code, refused.what()));
            } catch (const StorageError& error) {
                // As long as it is open, all of it can be put back.
                const auto standing = file_ ? file_->standing() : Standing::whole;
                const bool is_astray = standing == Standing::moved || standing == Standing::logless;
                if (tries == 1 && !is_astray && is_damage(error) && rebuild(error.what())) continue;
                // What could not be written or flushed must be written again by whoever opens the file next: a second
                // flush says nothing.
                must_checkpoint_ = must_checkpoint_ || error.code == storage_errc::io;
                if (error.code != storage_errc::full && !is_astray) file_.reset();
                return failed(sentence(error.code, path_, error.what()));
            }
        }
    }

    void sweep(const Instant& now) {
        const auto limits = current_limits();
        const auto removed = perform<std::uint64_t>([&](SessionFile& file) { return file.sweep(limits, now); });
        if (removed && *removed > 0) {
            assistant_log.info("Old conversations were removed, over the limits of Chat", {{"count", *removed}});
        }
    }

    void set_limits(SessionLimits limits) {
        const std::lock_guard lock(mutex_);
        limits_ = limits;
    }

    [[nodiscard]] std::string problem() const {
        const std::lock_guard lock(mutex_);
        return problem_.empty() ? loss_ : problem_;
    }

  private:
    void open() {
        if (file_) return come_back();
        auto file = std::make_unique<SessionFile>(path_);
        if (!was_opened_) file->mark_interrupted();
        was_opened_ = true;
        if (must_checkpoint_) file->checkpoint();
        must_checkpoint_ = false;
        file_ = std::move(file);
        if (!file_->loss().empty()) tell_loss(file_->loss());
    }

    // What is open holds all of it, until what it is copied to is open.
    void come_back() {
        const auto standing = file_->standing();
        if (standing == Standing::cut) {
            throw StorageError(storage_errc::corrupt, "it was emptied or cut while it was open");
        }
        if (standing == Standing::moved) {
            put_back(*file_, path_);
            auto copy = std::make_unique<SessionFile>(path_);
            if (copy->sessions() != file_->sessions()) {
                throw StorageError(storage_errc::busy, "another file took the place of the copy");
            }
            file_ = std::move(copy);
            tell_loss("their file was removed or replaced while it was open: all of it is in a new one");
        } else if (standing == Standing::logless) {
            file_->renew_log();
            tell_loss("their log was removed or replaced while it was open: all of it is in the file itself");
        }
    }

    void tell_loss(const std::string& loss) {
        assistant_log.error("The conversations are not what they were", {{"problem", loss}});
        note_loss(loss);
    }

    // Until the next start.
    void note_loss(std::string loss) {
        const std::lock_guard lock(mutex_);
        loss_ = std::move(loss);
    }

    Error failed(Error failure) {
        if (note(failure.message))
            assistant_log.error("The conversations cannot be stored or read", {{"reason", failure.message}});
        return failure;
    }

    // To move the file aside needs more than one statement's word: the mistake may be in the statement. One that fails
    // already at the opening does not find what such a file has.
    bool is_damage(const StorageError& error) {
        if (error.code != storage_errc::statement_failed) return error.code == storage_errc::corrupt;
        if (!file_) return true;
        try {
            if (file_->damage()) return true;
        } catch (const StorageError&) {
            return false;  // it cannot be looked at now
        }
        assistant_log.error("A statement failed although the conversations' file is sound: please report it",
                            {{"error", error.what()}});
        return false;
    }

    bool rebuild(const std::string& damage) {
        file_.reset();
        try {
            const auto [kept_as, taken] = assistant::rebuild(path_);
            note_loss("their file was damaged: it was moved to " + kept_as.filename().string() + ", " +
                      std::to_string(taken.messages) + " messages were taken over");
            assistant_log.error("The conversations are damaged: moved aside, what can be read was taken over",
                                {{"damage", damage},
                                 {"kept_as", kept_as.string()},
                                 {"sessions", taken.sessions},
                                 {"messages", taken.messages}});
            return true;
        } catch (const StorageError& error) {
            assistant_log.error("The conversations are damaged and could not be made anew: tried again",
                                {{"reason", error.what()}});
            return false;
        }
    }

    // Whether it is another one than before.
    bool note(std::string problem) {
        const std::lock_guard lock(mutex_);
        return std::exchange(problem_, problem) != problem;
    }

    SessionLimits current_limits() const {
        const std::lock_guard lock(mutex_);
        return limits_;
    }

    const std::filesystem::path path_;
    std::unique_ptr<SessionFile> file_;
    bool was_opened_ = false;
    bool must_checkpoint_ = false;
    mutable std::mutex mutex_;
    SessionLimits limits_;
    std::string problem_;
    std::string loss_;  // what an operator should know until the next start
};

Sessions::Sessions(Clock& clock, std::filesystem::path path, const Settings& settings)
    : clock_(clock),
      path_(std::move(path)),
      storage_(std::make_shared<Storage>(path_, limits_of(settings))),
      boot_id_(clock.boot_id()) {
    asio::post(thread_, [storage = storage_, at = now()] { storage->sweep(at); });
}

Instant Sessions::now() const {
    return {clock_.wall_now(), boot_id_, std::chrono::duration_cast<std::chrono::milliseconds>(clock_.boot_now())};
}

Sessions::~Sessions() { thread_.join(); }

void Sessions::update_limits(const Settings& settings) { storage_->set_limits(limits_of(settings)); }

std::string Sessions::problem() const { return storage_->problem(); }

// A step of the file. One that is cancelled is done all the same; only its answer is waited for no more.
template <typename Answer, typename... Wanted, typename... Given>
Task<Result<Answer>> Sessions::ask(Answer (SessionFile::*step)(Wanted...), Given... given) {
    return on_worker(thread_, [storage = storage_, step, ... given = std::move(given)] {
        return storage->perform<Answer>([&](SessionFile& file) { return (file.*step)(given...); });
    });
}

Task<Result<SessionList>> Sessions::list(std::size_t limit) { return ask(&SessionFile::list, limit); }

Task<Result<std::optional<SessionSummary>>> Sessions::find(std::string id) {
    return ask(&SessionFile::find, std::move(id));
}

Task<Result<std::vector<SessionMessage>>> Sessions::messages(std::string id, MessagePage page) {
    return ask(&SessionFile::messages, std::move(id), page);
}

Task<Result<bool>> Sessions::remove(std::string id) { return ask(&SessionFile::remove, std::move(id)); }

Task<Result<bool>> Sessions::update(std::string id, SessionChange change) {
    return ask(&SessionFile::update, std::move(id), std::move(change));
}

Task<Result<SessionPage>> Sessions::page(std::int64_t after, std::size_t limit) {
    return ask(&SessionFile::page, after, limit);
}

Task<Result<bool>> Sessions::reset(std::string id) { return ask(&SessionFile::reset, std::move(id)); }

Task<Result<ImportCounts>> Sessions::import_from(std::filesystem::path from) {
    return ask(&SessionFile::import_from, std::move(from), SessionFile::Reading::strict);
}

Task<Result<History>> Sessions::begin(NewExchange exchange) {
    exchange.now = now();
    return ask(&SessionFile::begin, std::move(exchange));
}

Task<Result<>> Sessions::write_answer(std::string answer_id, std::string text, AnswerState state, std::int64_t tokens) {
    const auto at = now();
    auto writing = ask(&SessionFile::write_answer, std::move(answer_id), std::move(text), state, tokens, at);
    const auto has_place = co_await std::move(writing);
    if (state != AnswerState::being_written) asio::post(thread_, [storage = storage_, at] { storage->sweep(at); });
    if (!has_place) co_return has_place.error();
    if (!*has_place) {
        co_return Error(errc::question_gone,
                        "its question is no longer there: the session was removed meanwhile, or its file was damaged");
    }
    co_return Result<>();
}

Task<Result<std::vector<StoredExchange>>> Sessions::unsummarized(std::string id, std::int64_t before,
                                                                 std::size_t max_bytes) {
    return ask(&SessionFile::unsummarized, std::move(id), before, max_bytes);
}

Task<Result<>> Sessions::set_summary(std::string id, std::string summary, std::int64_t until) {
    return ask(&SessionFile::set_summary, std::move(id), std::move(summary), until);
}

}  // namespace jiro::assistant
