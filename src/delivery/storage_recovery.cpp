// SPDX-License-Identifier: MIT
// What the storage thread does when the file cannot be opened, is damaged, or the disk is full.
#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "delivery/storage_thread.hpp"

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

constexpr auto kOpenAgain = 5s;
constexpr auto kOpenBusyAgain = 1s;
constexpr auto kRebuildAgain = 60s;

[[noreturn]] void give_up(const Error& error) {
    throw StorageError(error.code == storage_errc::full ? storage_errc::full : storage_errc::io, error.message);
}

}  // namespace

Result<> StorageThread::open_store() {
    next_open_ = std::chrono::steady_clock::now() + kOpenAgain;
    const auto fail = [this](const Error& error) -> Result<> {
        ++storage_errors_;
        if (!closed_because_ || closed_because_->message != error.message) {
            outbox_log.error("The outbox cannot be opened: no command is taken until it can",
                             {{"path", settings_.path.string()}, {"error", error.message}});
        }
        closed_because_ = error;
        return error;
    };
    if (auto prepared = files_.prepare(); !prepared) {
        if (prepared.error().code == storage_errc::full) files_.drop_ballast();
        return fail(prepared.error());
    }
    try {
        store_ = std::make_unique<OutboxStore>(settings_, leased_, clock_);
        if (must_checkpoint_) store_->checkpoint();
        must_checkpoint_ = false;
    } catch (const StorageError& error) {
        // A statement that fails already here does not find what an outbox has.
        if (error.code != storage_errc::corrupt && error.code != storage_errc::statement_failed) {
            store_.reset();
            if (error.code == storage_errc::full) files_.drop_ballast();
            const bool is_busy = error.code == storage_errc::busy;
            if (is_busy) next_open_ = std::chrono::steady_clock::now() + kOpenBusyAgain;
            const std::string who = is_busy ? "another program has it open: " : "";
            return fail(Error(error.code, settings_.path.string() + ": " + who + error.what()));
        }
        rebuild(error.what());
        if (!store_) return closed_because_ ? *closed_because_ : Error(storage_errc::corrupt, error.what());
    }
    auto redo_log = open_redo_log();
    if (!redo_log && redo_log.error().code == storage_errc::corrupt) {
        rebuild(redo_log.error().message);
        if (!store_) return closed_because_ ? *closed_because_ : redo_log.error();
        redo_log = open_redo_log();
    }
    if (!redo_log) {
        store_.reset();
        must_checkpoint_ = redo_log.error().code == storage_errc::io;
        if (redo_log.error().code == storage_errc::full) files_.drop_ballast();
        return fail(redo_log.error());
    }
    closed_because_.reset();
    if (!files_.make_ballast()) {
        outbox_log.warn("The outbox's reserve for a full disk cannot be made", {{"path", settings_.path.string()}});
    }
    return {};
}

void StorageThread::recover_from(storage_errc code, const std::string& what) {
    ++storage_errors_;
    switch (code) {
        case storage_errc::full:
            return note_full(what);
        case storage_errc::corrupt:
            return rebuild(what);
        case storage_errc::statement_failed:
            if (is_sound(what)) return;
            return rebuild(what);
        default:
            break;
    }
    // After a failed write or sync nobody knows what is on the disk: believe only what a new handle reads, and only
    // after it has been written again. The system may have dropped what it could not flush, and a second flush says
    // nothing.
    outbox_log.error("The outbox failed and is opened anew", {{"error", what}});
    store_.reset();
    must_checkpoint_ = true;
    (void)open_store();
}

// To move the live database aside needs more than one statement's word: the mistake may be in the statement.
bool StorageThread::is_sound(const std::string& what) {
    try {
        if (store_->damage()) return false;
    } catch (const StorageError&) {
        return false;  // it cannot even be looked at
    }
    outbox_log.error("A statement of the outbox failed although the file is sound: please report it",
                     {{"error", what}});
    return true;
}

void StorageThread::note_full(const std::string& what) {
    if (!is_full_) {
        outbox_log.error("No space left for the outbox: new commands are refused until there is",
                         {{"path", settings_.path.string()}, {"error", what}});
    }
    is_full_ = true;
    next_look_ = std::chrono::steady_clock::now() + kOpenAgain / 5;
    files_.drop_ballast();  // so that what is in hand can be finished and deleted
}

// The damaged file is evidence: it is kept beside the new one, and every row of it that can be read goes into that. The
// new one takes its place only when it is whole: whoever is killed before, or finds no room, begins anew.
void StorageThread::rebuild(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    store_.reset();
    if (now < next_rebuild_) {
        closed_because_ = Error(storage_errc::corrupt, "damaged again soon after it was made anew: " + what);
        next_open_ = next_rebuild_;
        return;
    }
    next_rebuild_ = now + kRebuildAgain;
    try {
        const auto rows = take_over_damaged();
        const auto aside = files_.put_rebuilt_in_place();
        if (!aside) give_up(aside.error());
        store_ = std::make_unique<OutboxStore>(settings_, leased_, clock_);
        closed_because_.reset();
        lasting_problem_ = "the outbox was damaged: it was moved to " + aside->filename().string() + ", " +
                           std::to_string(rows) + " rows were taken over";
        outbox_log.error("The outbox is damaged: moved aside, what can be read was taken over",
                         {{"damage", what}, {"kept_as", aside->string()}, {"rows", rows}});
    } catch (const StorageError& error) {
        store_.reset();
        if (error.code == storage_errc::full) files_.drop_ballast();
        closed_because_ = Error(error.code, error.what());
        next_rebuild_ = {};
        outbox_log.error("The outbox is damaged and could not be made anew: tried again",
                         {{"error", error.what()}, {"damage", what}});
    }
}

// Into a new database beside the damaged one; gives the number of rows.
std::uint64_t StorageThread::take_over_damaged() {
    auto settings = settings_;
    const auto begun = files_.begin_rebuilt();
    if (!begun) give_up(begun.error());
    settings.path = *begun;
    OutboxStore fresh(settings, leased_, clock_);
    fresh.begin();
    const auto rows = fresh.take_over(settings_.path.string());
    JIRO_FAILPOINT("c14_before_rebuilt_commit");
    fresh.commit();
    fresh.checkpoint();  // the file alone is all of it
    return rows;
}

}  // namespace jiro::delivery
