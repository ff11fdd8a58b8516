// SPDX-License-Identifier: MIT
#include "delivery/open_outbox.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/file.hpp"

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

constexpr auto kOpenAgain = 5s;
constexpr auto kOpenBusyAgain = 1s;
constexpr auto kRebuildAgain = 60s;
constexpr auto kLookAgain = 1s;
constexpr std::chrono::seconds kLongestCopyPause = 60s;
constexpr std::uint64_t kLeastSpace = 16 * 1024;
constexpr auto kNoSpace = "no space left for the outbox";
constexpr auto kAstray = "the outbox's file was removed or replaced, and cannot be made again";

[[noreturn]] void give_up(const Error& error) {
    throw StorageError(error.code == storage_errc::full ? storage_errc::full : storage_errc::io, error.message);
}

}  // namespace

OpenOutbox::OpenOutbox(const OutboxSettings& settings, const Clock& clock)
    : settings_(settings), clock_(clock), files_(settings) {}

Result<> OpenOutbox::open(const Joined& joined) {
    joined_ = joined;
    next_open_ = std::chrono::steady_clock::now() + kOpenAgain;
    if (auto prepared = files_.prepare(); !prepared) return refuse_to_open(prepared.error());
    if (const auto aside = files_.take_replaced()) {
        note_lasting("the outbox was damaged: it was moved to " + aside->filename().string());
    }
    if (auto mended = mend_log(); !mended) return refuse_to_open(mended.error());
    try {
        open_store();
        if (must_checkpoint_) store_->checkpoint();
        must_checkpoint_ = false;
    } catch (const StorageError& error) {
        // A statement that fails already here does not find what an outbox has.
        if (error.code != storage_errc::corrupt && error.code != storage_errc::statement_failed) {
            const bool is_busy = error.code == storage_errc::busy;
            if (is_busy) next_open_ = std::chrono::steady_clock::now() + kOpenBusyAgain;
            const std::string who = is_busy ? "another program has it open: " : "";
            return refuse_to_open(Error(error.code, settings_.path.string() + ": " + who + error.what()));
        }
        rebuild(error.what());
        if (!store_) return *closed_because_;
    }
    auto is_joined = join();
    if (!is_joined && is_joined.error().code == storage_errc::corrupt) {
        rebuild(is_joined.error().message);
        if (!store_) return *closed_because_;
        is_joined = join();
    }
    if (!is_joined) {
        must_checkpoint_ = is_joined.error().code == storage_errc::io;
        return refuse_to_open(is_joined.error());
    }
    closed_because_.reset();
    if (!files_.make_ballast()) {
        outbox_log.warn("The outbox's reserve for a full disk cannot be made", {{"path", settings_.path.string()}});
    }
    return {};
}

void OpenOutbox::open_store() {
    store_ = std::make_unique<OutboxStore>(settings_, leased_, clock_);
    note_lost();
}

// What it had when it was open before, and has not any more. None of that is lost when it holds the last transaction.
// Otherwise its rows are older than they were: what waits there may have run since, and the number of those that are
// fewer is the least that is lost.
void OpenOutbox::note_lost() {
    const auto last = store_->last_transaction();
    const auto before = std::exchange(committed_, last);
    const bool is_whole = before == 0 || last == before || (last != 0 && last == committing_);
    const OutboxCounts had = figures_;
    if (!is_whole) store_->distrust_waiting();
    note_counts();
    if (is_whole) return;
    const auto less = [](std::uint64_t many, std::uint64_t now) { return many - std::min(many, now); };
    const auto lost = less(had.pending + had.dead_letters, figures_.pending + figures_.dead_letters);
    const auto unfinished = less(had.unfinished, figures_.unfinished);
    figures_.lost += lost;
    lasting_problem_ = "its file was removed, emptied or damaged: at least " + std::to_string(lost) + " results and " +
                       std::to_string(unfinished) + " unfinished commands in it are lost";
    outbox_log.error("Results are lost: the outbox is not what it was when it was open before",
                     {{"count", lost}, {"unfinished_commands", unfinished}});
}

// A row may be older than it was when a page of the log is lost.
Result<> OpenOutbox::mend_log() {
    const auto log =
        files_.database().mend_log(settings_.durability == Durability::power ? Flushed::commits : Flushed::checkpoints);
    if (!log) return log.error();
    if (!*log) return {};
    const bool is_whole = (*log)->harm == MendedLog::Harm::none;
    note_lasting((*log)->told() + (is_whole ? ""
                                            : ". Commands that waited count as interrupted; one that the hub repeats "
                                              "may run a second time"));
    return {};
}

Result<> OpenOutbox::join() {
    try {
        if (files_.database().is_doubtful()) {
            store_->distrust_waiting();
            store_->checkpoint();
            files_.database().settle();
        }
        return joined_(*store_);
    } catch (const StorageError& error) {
        store_->roll_back();
        return Error(error.code, error.what());
    }
}

Result<> OpenOutbox::refuse_to_open(const Error& error) {
    store_.reset();
    ++figures_.storage_errors;
    Error why = error;
    // SQLite does not say that there was no inode for a file.
    if (const auto lack = files_.lacks_space(kLeastSpace); lack && error.code == storage_errc::io) {
        why = Error(storage_errc::full, error.message + ": " + *lack);
    }
    if (why.code == storage_errc::full && files_.has_ballast()) {
        files_.drop_ballast();
        next_open_ = {};
    }
    if (!closed_because_ || closed_because_->message != why.message) {
        outbox_log.error("The outbox cannot be opened: no command is taken until it can",
                         {{"path", settings_.path.string()}, {"error", why.message}});
    }
    closed_because_ = why;
    return why;
}

void OpenOutbox::note_lasting(std::string problem) {
    lasting_problem_ = std::move(problem);
    outbox_log.error("The outbox is not what it was", {{"problem", lasting_problem_}});
}

// Where another process has the place by now, nothing is touched.
void OpenOutbox::come_back() {
    const auto standing = store_->standing();
    if (standing == Standing::cut) return rebuild("it was emptied or cut while it was open");
    if (const auto taken = files_.take_place(); !taken) give_up(taken.error());
    store_->bring_messages_back();
    if (standing == Standing::moved) return move_to_copy();
    if (standing != Standing::logless) return;
    store_->renew_log();
    note_lasting("its log was removed or replaced while it was open: all of it is in the file itself");
}

// While it is open, all of a file that was removed, or whose place another one took, can be written into a new one. The
// old one is what holds it until the new one is open, and shows by its last transaction that it is the copy.
void OpenOutbox::move_to_copy() {
    const auto aside = make_anew([this](const std::filesystem::path& file) { copy_to(file); });
    auto copy = std::make_unique<OutboxStore>(settings_, leased_, clock_);
    if (copy->last_transaction() != store_->last_transaction()) {
        throw StorageError(storage_errc::busy, "another file took the place of the copy");
    }
    store_ = std::move(copy);
    next_copy_ = {};
    copy_pause_ = kLookAgain;
    std::error_code error;
    const bool was_replaced = std::filesystem::exists(aside, error);
    note_lasting("its file was removed or replaced while it was open: all of it is in a new one" +
                 (was_replaced ? "; what took its place is kept as " + aside.filename().string() : std::string()));
}

// All of it: what failed is not done again each second.
void OpenOutbox::copy_to(const std::filesystem::path& file) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_copy_) throw StorageError(storage_errc::busy, "a copy failed a moment ago");
    next_copy_ = now + copy_pause_;
    copy_pause_ = std::min(2 * copy_pause_, kLongestCopyPause);
    store_->copy_to(file);
}

void OpenOutbox::look_for_files() {
    files_.look_for_ballast();
    try {
        come_back();
        is_astray_ = false;
    } catch (const StorageError& error) {
        if (std::exchange(is_astray_, true)) return;
        outbox_log.error("The outbox's file was removed or replaced, and cannot be made again: no command is taken",
                         {{"path", settings_.path.string()}, {"error", error.what()}});
    }
}

bool OpenOutbox::look_after(SteadyTime now) {
    if (!store_ && now >= next_open_) {
        if (open_again()) outbox_log.info("The outbox is open again");
    }
    if (!must_look(now)) return false;
    next_look_ = now + kLookAgain;
    if (!files_.are_none()) look_for_files();
    if (store_) look_for_room();
    return true;
}

bool OpenOutbox::look_before_the_end() {
    look_at_once();
    if (store_) look_for_files();
    return !is_elsewhere();
}

bool OpenOutbox::is_elsewhere() const noexcept {
    const auto standing = store_ ? store_->standing() : Standing::whole;
    return standing == Standing::moved || standing == Standing::logless;
}

void OpenOutbox::look_for_room() {
    const auto ballast = settings_.ballast_bytes;
    is_low_ = ballast > 0 && files_.lacks_space(is_low_ ? ballast / 2 : ballast / 4).has_value();
    // New work again only when there is room for the ballast and as much on top: no flapping at the edge.
    if (is_full_ && !files_.lacks_space(std::max<std::uint64_t>(2 * ballast, 64 * 1024)) && store_->has_free_pages() &&
        files_.make_ballast()) {
        is_full_ = false;
        outbox_log.info("There is room for the outbox again: commands are taken");
    } else if (!is_full_ && !is_low_ && !files_.has_ballast()) {
        files_.make_ballast();
    }
}

std::optional<Error> OpenOutbox::refusal() const {
    if (is_astray_) return Error(storage_errc::io, kAstray);
    if (is_full_ || is_low_) return Error(storage_errc::full, kNoSpace);
    return std::nullopt;
}

// A commit that was reported as failed may be on the disk all the same: the store says so once it is open again.
std::optional<Error> OpenOutbox::transact(const Work& work) {
    std::int64_t committing = 0;
    const auto failure = read([&](OutboxStore& store) {
        store.begin();
        work(store);
        committing = committing_ = store.number_transaction();
        store.commit();
        if (committing != 0) committed_ = committing;
        note_counts();
    });
    if (!failure || is_committed(committing)) {
        leased_.commit();
        return std::nullopt;
    }
    leased_.roll_back();
    return failure;
}

bool OpenOutbox::is_committed(std::int64_t transaction) {
    bool is_there = false;
    const auto ask = [&](OutboxStore& store) { is_there = store.last_transaction() == transaction; };
    if (transaction != 0 && read(ask)) read(ask);  // the first failure may have been cured
    return is_there;
}

std::optional<Error> OpenOutbox::read(const Work& work) {
    if (!store_) return closed_because_.value_or(Error(storage_errc::io, "the outbox is closed"));
    try {
        work(*store_);
        return std::nullopt;
    } catch (const StorageError& error) {
        const Error failure(error.code, error.what());
        store_->roll_back();
        recover_from(error.code, error.what());
        return failure;
    }
}

void OpenOutbox::set_dedupe_window(std::chrono::hours window) noexcept {
    settings_.dedupe_window = window;
    if (store_) store_->set_dedupe_window(window);
}

void OpenOutbox::release(const std::vector<std::string>& ids) {
    for (const auto& id : ids) leased_.remove(id);
    leased_.commit();
}

const OutboxFigures& OpenOutbox::figures(const Moment& now) {
    if (store_) note_counts();
    if (store_) read([&](OutboxStore& store) { figures_.oldest_undelivered = store.oldest_undelivered(now); });
    if (store_) figures_.wall_set_by = store_->wall_set_by();
    const bool knows_ballast = store_ || (closed_because_ && closed_because_->code == storage_errc::full);
    figures_.has_ballast.reset();
    if (settings_.ballast_bytes > 0 && knows_ballast) figures_.has_ballast = files_.has_ballast();
    figures_.writable = is_well() && !is_low_;
    figures_.is_astray = is_astray_ && is_elsewhere();
    figures_.problem = closed_because_ ? closed_because_->message
                       : is_astray_    ? kAstray
                       : is_full_      ? kNoSpace
                       : is_low_       ? "little space left for the outbox"
                                       : lasting_problem_;
    return figures_;
}

void OpenOutbox::recover_from(storage_errc code, const std::string& what) {
    ++figures_.storage_errors;
    if (code == storage_errc::full && !files_.are_none()) return note_full(what);
    if (files_.are_none() || is_elsewhere()) {  // what would be opened anew is not this one
        return outbox_log.error("A step of an outbox without a file failed", {{"error", what}});
    }
    switch (code) {
        case storage_errc::corrupt:
            return rebuild(what);
        case storage_errc::statement_failed:
            if (is_sound(what)) return;
            return rebuild(what);
        default:
            break;
    }
    outbox_log.error("The outbox failed and is opened anew", {{"error", what}});
    // After a failed write or sync nobody knows what is on the disk: believe only what a new handle reads, and only
    // after it has been written again. The system may have dropped what it could not flush, and a second flush says
    // nothing.
    store_.reset();
    must_checkpoint_ = true;
    (void)open_again();
}

// To move the live database aside needs more than one statement's word: the mistake may be in the statement.
bool OpenOutbox::is_sound(const std::string& what) {
    try {
        if (store_->damage()) return false;
    } catch (const StorageError&) {
        return false;  // it cannot even be looked at
    }
    outbox_log.error("A statement of the outbox failed although the file is sound: please report it",
                     {{"error", what}});
    return true;
}

void OpenOutbox::note_full(const std::string& what) {
    if (!is_full_) {
        outbox_log.error("No space left for the outbox: new commands are refused until there is",
                         {{"path", settings_.path.string()}, {"error", what}});
    }
    is_full_ = true;
    next_look_ = std::chrono::steady_clock::now() + kLookAgain;
    files_.drop_ballast();  // so that what is in hand can be finished and deleted
}

// The damaged file is evidence: it is kept beside the new one, and every row of it that can be read goes into that. The
// new one takes its place only when it is whole: whoever is killed before, or finds no room, begins anew.
void OpenOutbox::rebuild(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    store_.reset();
    if (now < next_rebuild_) {
        closed_because_ = Error(storage_errc::corrupt, "damaged again soon after it was made anew: " + what);
        next_open_ = next_rebuild_;
        return;
    }
    next_rebuild_ = now + kRebuildAgain;
    try {
        std::uint64_t rows = 0;
        const auto aside = make_anew([&](const std::filesystem::path& file) { rows = take_over_damaged(file); });
        open_store();
        closed_because_.reset();
        lasting_problem_ = "the outbox was damaged: it was moved to " + aside.filename().string() + ", " +
                           std::to_string(rows) + " rows were taken over";
        outbox_log.error("The outbox is damaged: moved aside, what can be read was taken over",
                         {{"damage", what}, {"kept_as", aside.string()}, {"rows", rows}});
    } catch (const StorageError& error) {
        store_.reset();
        if (error.code == storage_errc::full) files_.drop_ballast();
        closed_because_ = Error(error.code, error.what());
        next_rebuild_ = {};
        outbox_log.error("The outbox is damaged and could not be made anew: tried again",
                         {{"error", error.what()}, {"damage", what}});
    }
}

// Gives the name under which what was there is kept. Throws StorageError.
std::filesystem::path OpenOutbox::make_anew(const std::function<void(const std::filesystem::path& file)>& fill) {
    const AtEnd at_end([this] {
        if (store_) files_.database().drop_rebuilt();  // left over, it would replace what is open
    });
    const auto begun = files_.database().begin_rebuilt();
    if (!begun) give_up(begun.error());
    fill(*begun);
    FileDescriptor made = mark_of(*begun);
    if (const auto ended = files_.database().end_rebuilt(); !ended) give_up(ended.error());
    if (store_) {
        store_->remove_log();
        if (is_at(copy_.get(), settings_.path)) unlink(settings_.path.c_str());
    }
    copy_ = std::move(made);
    const auto aside = files_.finish_replacing();
    if (!aside) give_up(aside.error());
    return *aside;
}

// Into a new database beside the damaged one; gives the number of rows.
std::uint64_t OpenOutbox::take_over_damaged(const std::filesystem::path& file) {
    auto settings = settings_;
    settings.path = file;
    OutboxStore fresh(settings, leased_, clock_);
    fresh.begin();
    const auto rows = fresh.take_over(settings_.path.string());
    JIRO_FAILPOINT("c14_before_rebuilt_commit");
    fresh.commit();
    fresh.checkpoint();  // the file alone is all of it
    return rows;
}

}  // namespace jiro::delivery
