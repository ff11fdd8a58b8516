// SPDX-License-Identifier: MIT
// What every outbox does, wherever it lies: the same tests for one on disk, alone and with a redo log, and for one in
// memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "outbox_driver.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct OnDisk {
    static std::unique_ptr<Outbox> open(const Clock& clock, OutboxSettings settings, const test::TempDir& folder) {
        settings.path = folder.path() / "outbox.db";
        settings.ballast_bytes = 0;
        return std::move(open_sqlite_outbox(clock, settings)).value();
    }
};

struct WithRedoLog {
    static std::unique_ptr<Outbox> open(const Clock& clock, OutboxSettings settings, const test::TempDir& folder) {
        static const test::TmpfsDir tmpfs;
        if (tmpfs.exists()) settings.redo_log = tmpfs.path() / folder.path().filename();
        return OnDisk::open(clock, settings, folder);
    }
};

struct InMemory {
    static std::unique_ptr<Outbox> open(const Clock& clock, const OutboxSettings& settings, const test::TempDir&) {
        return test::outbox_in_memory(clock, settings);
    }
};

template <typename Kind>
class OutboxContract : public testing::Test, public OutboxDriver {
  protected:
    OutboxContract() { open(); }
    void open(OutboxSettings settings = {}) {
        outbox_.reset();
        outbox_ = Kind::open(clock_, settings, folder_);
    }

    test::TempDir folder_;
};

class Names {
  public:
    template <typename Kind>
    static std::string GetName(int) {
        if (std::is_same_v<Kind, WithRedoLog>) return "WithRedoLog";
        return std::is_same_v<Kind, OnDisk> ? "OnDisk" : "InMemory";
    }
};
using Kinds = testing::Types<OnDisk, WithRedoLog, InMemory>;
TYPED_TEST_SUITE(OutboxContract, Kinds, Names);

// The whole life of a command, with the figures at each step.
TYPED_TEST(OutboxContract, carries_a_command_from_receipt_to_delivery) {
    EXPECT_EQ(this->admit("a"), Admission::accepted);
    EXPECT_EQ(this->figures().unfinished, 1U);
    EXPECT_TRUE(this->start("a"));
    EXPECT_EQ(this->state("a"), RowState::running);
    EXPECT_TRUE(this->finish("a"));
    EXPECT_EQ(this->figures().unfinished, 0U);
    EXPECT_EQ(this->figures().pending, 1U);
    EXPECT_EQ(this->figures().oldest_undelivered, this->clock_.wall_now());

    const auto rows = this->due();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].id, "a");
    EXPECT_EQ(*rows[0].message, "message of a");
    EXPECT_EQ(rows[0].kind, Outcome::succeeded);

    this->deliver("a");
    EXPECT_EQ(this->state("a"), RowState::delivered);
    EXPECT_EQ(this->figures().pending, 0U);
    EXPECT_EQ(this->figures().remembered, 1U);
    EXPECT_EQ(this->figures().bytes, 0U);
    EXPECT_FALSE(this->figures().oldest_undelivered);
    EXPECT_TRUE(this->figures().writable);
}

// A command that comes again is never run again, and each case has its name.
TYPED_TEST(OutboxContract, recognises_what_it_has_seen) {
    EXPECT_EQ(this->admit("a", FirstState::received), Admission::accepted);
    EXPECT_EQ(this->admit("a"), Admission::already_in_progress);
    EXPECT_EQ(this->admit("a", FirstState::running, 2), Admission::conflicting_content);
    EXPECT_TRUE(this->start("a"));
    EXPECT_EQ(this->admit("a"), Admission::already_in_progress);
    EXPECT_TRUE(this->finish("a"));
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    EXPECT_EQ(this->due().size(), 1U);
    this->deliver("a");
    EXPECT_EQ(this->admit("a", FirstState::received, 2), Admission::conflicting_content);
    EXPECT_TRUE(this->due().empty());

    // Delivered: its outcome is sent again, the same bytes.
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    const auto rows = this->due();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(*rows[0].message, "message of a");
    this->deliver("a");
}

// After the de-duplication window the id is free again; within it never.
TYPED_TEST(OutboxContract, forgets_an_id_after_the_dedupe_window) {
    this->admit("a", FirstState::running);
    (void)this->finish("a");
    this->deliver("a");
    this->clock_.advance(23h);
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    (void)this->due();
    this->deliver("a");
    this->clock_.advance(25h);
    EXPECT_EQ(this->admit("a"), Admission::accepted);
    EXPECT_EQ(this->figures().remembered, 0U);
    EXPECT_EQ(this->figures().unfinished, 1U);
}

// A reload may change the window, either way: what is remembered is judged by the new one.
TYPED_TEST(OutboxContract, takes_a_new_dedupe_window) {
    this->admit("a", FirstState::running);
    (void)this->finish("a");
    this->deliver("a");
    this->outbox_->set_dedupe_window(48h);
    this->clock_.advance(47h);
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    (void)this->due();
    this->deliver("a");
    this->outbox_->set_dedupe_window(1h);
    this->clock_.advance(2h);
    EXPECT_EQ(this->admit("a"), Admission::accepted);
}

// Impossible steps are refused by name and change nothing.
TYPED_TEST(OutboxContract, refuses_impossible_steps) {
    EXPECT_EQ(this->start("nobody").error().code, errc::unknown_id);
    this->admit("a", FirstState::running);
    EXPECT_EQ(this->start("a").error().code, errc::wrong_state);
    EXPECT_TRUE(this->finish("a"));
    EXPECT_EQ(this->finish("a").error().code, errc::wrong_state);
    EXPECT_EQ(this->run(this->outbox_->dead("nobody", "why")).error().code, errc::unknown_id);
    EXPECT_EQ(this->figures().pending, 1U);
}

// The outcome of a command that was never received (refused at the door) is kept and sent like any other.
TYPED_TEST(OutboxContract, takes_an_outcome_without_a_receipt) {
    EXPECT_TRUE(this->finish("refused", Lease::no, Outcome::rejected));
    EXPECT_EQ(this->due().size(), 1U);
    EXPECT_EQ(this->admit("refused"), Admission::already_settled);
}

// A row is given out once: to the one who holds it, until he is done with it.
TYPED_TEST(OutboxContract, gives_each_row_out_once) {
    for (const char* id : {"a", "b", "c"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id, std::string_view(id) == "b" ? Lease::yes : Lease::no);
        this->clock_.advance(1ms);
    }
    EXPECT_THAT(this->due_ids(1), ElementsAre("a"));
    EXPECT_THAT(this->due_ids(10), ElementsAre("c"));
    EXPECT_TRUE(this->due_ids(10).empty());
    this->outbox_->released({"b", "a"});
    EXPECT_THAT(this->due_ids(10), ElementsAre("a", "b"));
}

// Held, given back, and only then redone: the row must be given out again.
TYPED_TEST(OutboxContract, gives_a_released_row_out) {
    for (int i = 0; i < 200; ++i) {
        const auto id = "row-" + std::to_string(i);
        this->admit(id, FirstState::running);
        ASSERT_TRUE(this->finish(id, Lease::yes));
        this->outbox_->released({id});
        ASSERT_THAT(this->due_ids(10), ElementsAre(id));
        this->deliver(id);
    }
}

// The figures are right without anybody asking the database.
TYPED_TEST(OutboxContract, knows_the_oldest_result_that_waits) {
    this->admit("learned", FirstState::running);
    (void)this->finish("learned", Lease::yes);
    this->deliver("learned");
    for (const char* id : {"a", "b"}) {
        this->clock_.advance(1h);
        this->admit(id, FirstState::running);
        EXPECT_FALSE(this->figures().oldest_undelivered);
        (void)this->finish(id, Lease::yes);
        EXPECT_EQ(this->figures().oldest_undelivered, this->clock_.wall_now());
        this->outbox_->delivered(id);
        while (this->figures().pending > 0) std::this_thread::yield();
        EXPECT_FALSE(this->figures().oldest_undelivered);
    }
}

// A postponed row comes back when it is due, with its counts, and behind those that were due before.
TYPED_TEST(OutboxContract, postpones) {
    for (const char* id : {"a", "b"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id);
        this->clock_.advance(1ms);
    }
    (void)this->due_ids(1);
    const auto due_at = this->clock_.wall_now() + 10s;
    this->outbox_->postponed({"a", 4, 1, due_at, "UNAVAILABLE"});
    EXPECT_THAT(this->due_ids(10), ElementsAre("b"));
    EXPECT_EQ(this->run(this->outbox_->next_due()).value(), due_at);
    this->clock_.advance(10s);
    const auto rows = this->due();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].attempts, 4);
    EXPECT_EQ(rows[0].refusals, 1);
    EXPECT_EQ(this->run(this->outbox_->show("a"))->summary.last_error, "UNAVAILABLE");
}

// A reload, or the server's return, makes postponed rows due at once.
TYPED_TEST(OutboxContract, hastens_what_was_postponed) {
    this->admit("a", FirstState::running);
    (void)this->finish("a", Lease::yes);
    this->outbox_->postponed({"a", 4, 0, this->clock_.wall_now() + 10min, ""});
    this->admit("refused", FirstState::running);
    (void)this->finish("refused", Lease::yes);
    this->outbox_->postponed({"refused", 1, 1, this->clock_.wall_now() + 10min, ""});
    EXPECT_TRUE(this->due().empty());
    EXPECT_TRUE(this->run(this->outbox_->make_all_due_now()));
    EXPECT_THAT(this->due_ids(10), ElementsAre("a"));
}

// What was tried and comes back keeps its place, and its counts.
TYPED_TEST(OutboxContract, takes_back_what_was_tried) {
    for (const char* id : {"a", "b"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id);
        this->clock_.advance(1ms);
    }
    EXPECT_THAT(this->due_ids(1), ElementsAre("a"));
    this->outbox_->postponed({"a", 3, 0, std::nullopt, "away"});
    const auto rows = this->due();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].id, "a");
    EXPECT_EQ(rows[0].attempts, 3);
}

// A wall clock that was set back a year does not put results off for a year.
TYPED_TEST(OutboxContract, is_not_fooled_by_a_clock_set_back) {
    this->clock_.advance(24h * 365);
    this->admit("a", FirstState::running);
    (void)this->finish("a");
    this->clock_.advance(-24h * 365);
    EXPECT_EQ(this->due().size(), 1U);
}

// A dead letter stays visible and can be tried again by hand, or when its command comes again.
TYPED_TEST(OutboxContract, keeps_dead_letters) {
    for (const char* id : {"a", "b"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id, Lease::yes);
        EXPECT_TRUE(this->run(this->outbox_->dead(id, "refused 3 times")));
    }
    EXPECT_EQ(this->figures().dead_letters, 2U);
    EXPECT_TRUE(this->due().empty());
    const auto rows = this->run(this->outbox_->list({RowState::dead, 0, 10})).value();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].last_error, "refused 3 times");

    EXPECT_TRUE(this->run(this->outbox_->retry("a", Resend::as_it_is)));
    EXPECT_THAT(this->due_ids(10), ElementsAre("a"));
    EXPECT_EQ(this->admit("b"), Admission::already_settled);
    EXPECT_THAT(this->due_ids(10), ElementsAre("b"));
    EXPECT_EQ(this->figures().dead_letters, 0U);
}

// All dead letters at once.
TYPED_TEST(OutboxContract, retries_all_dead_letters) {
    for (const char* id : {"a", "b"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id, Lease::yes);
        (void)this->run(this->outbox_->dead(id, "why"));
    }
    EXPECT_EQ(this->run(this->outbox_->retry_all_dead()).value(), 2U);
    EXPECT_THAT(this->due_ids(10), ElementsAre("a", "b"));
}

// Whoever brings a command again is told how it ended, as long as its id is known.
TYPED_TEST(OutboxContract, a_repetition_is_told_the_outcome) {
    this->admit("a", FirstState::running);
    this->admit("a");
    EXPECT_EQ(this->last_outcome_, std::nullopt);
    (void)this->finish("a", Lease::yes, Outcome::timed_out);
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    EXPECT_EQ(this->last_outcome_, Outcome::timed_out);
    this->deliver("a");
    EXPECT_EQ(this->admit("a"), Admission::already_settled);
    EXPECT_EQ(this->last_outcome_, Outcome::timed_out);
    EXPECT_TRUE(this->run(this->outbox_->drop("a")));
    EXPECT_EQ(this->admit("a"), Admission::already_forgotten);
    EXPECT_EQ(this->last_outcome_, Outcome::timed_out);
}

// Dropped by the operator: gone from what is sent, its id still remembered.
TYPED_TEST(OutboxContract, drops_by_hand) {
    this->admit("a", FirstState::running);
    const auto of_running = this->run(this->outbox_->drop("a")).error();
    EXPECT_EQ(of_running.code, errc::wrong_state);
    EXPECT_THAT(of_running.message, HasSubstr("it has no result yet"));
    (void)this->finish("a");
    EXPECT_TRUE(this->run(this->outbox_->drop("a")));
    EXPECT_THAT(this->run(this->outbox_->drop("a")).error().message, HasSubstr("delivered, or dropped"));
    EXPECT_TRUE(this->due().empty());
    EXPECT_EQ(this->admit("a"), Admission::already_forgotten);
    EXPECT_EQ(this->figures().pending, 0U);
    EXPECT_EQ(this->figures().bytes, 0U);
}

// Rows that are too old become dead letters, but not while one of them is on its way.
TYPED_TEST(OutboxContract, expires_old_rows) {
    for (const char* id : {"held", "old", "new"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id, std::string_view(id) == "held" ? Lease::yes : Lease::no);
        this->clock_.advance(1h);
    }
    EXPECT_TRUE(this->run(this->outbox_->expire(90min, 1, 10)).value().empty()) << "nothing was tried yet";
    EXPECT_THAT(this->run(this->outbox_->expire(90min, 0, 10)).value(), ElementsAre("old"));
    EXPECT_EQ(this->figures().dead_letters, 1U);
    EXPECT_EQ(this->figures().pending, 2U);
}

// A short form is sent from then on, but the whole stays beside it, whatever number of times it is cut; the row stays
// held.
TYPED_TEST(OutboxContract, keeps_the_whole_beside_a_short_form) {
    this->admit("a", FirstState::running);
    (void)this->finish("a", Lease::yes);
    for (const char* text : {"shorter", "short"}) {
        EXPECT_TRUE(this->run(this->outbox_->replaced("a", std::make_shared<const std::string>(text))));
    }
    EXPECT_TRUE(this->due().empty());
    EXPECT_EQ(this->run(this->outbox_->retry("a", Resend::whole)).error().code, errc::wrong_state);
    this->outbox_->released({"a"});
    const auto rows = this->due();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(*rows[0].message, "short");
    EXPECT_EQ(*rows[0].whole, "message of a");
    const auto shown = this->run(this->outbox_->show("a")).value();
    EXPECT_EQ(*shown.message, "short");
    EXPECT_EQ(*shown.whole, "message of a");
    EXPECT_EQ(shown.summary.bytes, 17U);

    // Until the short one is confirmed.
    this->deliver("a");
    const auto after = this->run(this->outbox_->show("a")).value();
    EXPECT_EQ(*after.message, "short");
    EXPECT_FALSE(after.whole);
    EXPECT_EQ(this->figures().bytes, 0U);
}

// The operator may have the whole sent after all.
TYPED_TEST(OutboxContract, sends_the_whole_again_by_hand) {
    for (const char* id : {"cut", "dead", "uncut"}) {
        this->admit(id, FirstState::running);
        (void)this->finish(id, Lease::yes);
    }
    for (const char* id : {"cut", "dead"}) {
        (void)this->run(this->outbox_->replaced(id, std::make_shared<const std::string>("short")));
    }
    (void)this->run(this->outbox_->dead("dead", "why"));
    this->outbox_->released({"cut", "uncut"});
    (void)this->run(this->outbox_->next_due());
    const auto before = this->figures().bytes;
    EXPECT_TRUE(this->run(this->outbox_->retry("cut", Resend::whole)));
    EXPECT_TRUE(this->run(this->outbox_->retry("dead", Resend::whole)));
    EXPECT_EQ(this->run(this->outbox_->retry("uncut", Resend::whole)).error().code, errc::wrong_state);
    EXPECT_EQ(this->figures().bytes, before - 10);
    for (const auto& row : this->due()) {
        EXPECT_EQ(*row.message, "message of " + row.id);
        EXPECT_FALSE(row.whole);
        this->deliver(row.id);
    }
    EXPECT_EQ(this->figures().bytes, 0U);
}

// At the limits new commands are refused by name; what is in hand can end, and room comes back.
TYPED_TEST(OutboxContract, refuses_new_commands_at_its_limits) {
    OutboxSettings settings;
    settings.max_rows = 2;
    this->open(settings);
    EXPECT_EQ(this->admit("a", FirstState::running), Admission::accepted);
    EXPECT_EQ(this->admit("b", FirstState::running), Admission::accepted);
    EXPECT_EQ(this->admit("c"), Admission::refused);
    EXPECT_EQ(this->last_reason_->code, errc::limit_rows);
    EXPECT_TRUE(this->finish("a"));
    EXPECT_EQ(this->admit("c"), Admission::refused);
    this->deliver("a");
    EXPECT_EQ(this->admit("c"), Admission::accepted);
}

TYPED_TEST(OutboxContract, refuses_new_commands_at_its_limit_of_bytes) {
    OutboxSettings settings;
    settings.max_bytes = 10'000;
    this->open(settings);
    this->admit("a", FirstState::running);
    EXPECT_TRUE(this->run(
        this->outbox_->finished("a", Outcome::succeeded, std::make_shared<const std::string>(20'000, 'x'), Lease::no)));
    EXPECT_EQ(this->admit("b"), Admission::refused);
    EXPECT_EQ(this->last_reason_->code, errc::limit_bytes);
    (void)this->due();
    this->deliver("a");
    EXPECT_EQ(this->admit("b"), Admission::accepted);
}

// Pages of a list, and any odd id.
TYPED_TEST(OutboxContract, lists_in_pages) {
    const std::string odd("\xFF\x00'; DROP TABLE commands; --\n", 29);
    this->admit(odd, FirstState::running);
    for (int i = 0; i < 25; ++i) this->admit("id-" + std::to_string(i));
    std::vector<std::string> ids;
    ListPage page;
    page.limit = 10;
    while (true) {
        const auto rows = this->run(this->outbox_->list(page)).value();
        for (const auto& row : rows) ids.push_back(row.id);
        if (rows.size() < page.limit) break;
        page.after = rows.back().sequence;
    }
    EXPECT_EQ(ids.size(), 26U);
    EXPECT_EQ(ids[0], odd);
    EXPECT_TRUE(this->finish(odd));
    EXPECT_EQ(this->due().at(0).id, odd);
}

// What is in memory is in no file, whatever comes and goes.
TEST(OutboxInMemory, writes_no_file) {
    const test::TempDir folder;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    OutboxDriver driver;
    driver.outbox_ = test::outbox_in_memory(driver.clock_);
    for (int i = 0; i < 2'000; ++i) {
        const auto id = "id-" + std::to_string(i);
        driver.admit(id, FirstState::running);
        (void)driver.finish(id, Lease::yes);
        driver.outbox_->delivered(id);
    }
    EXPECT_EQ(driver.admit("id-7"), Admission::already_settled);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    std::filesystem::current_path(before);
}

// A running command that waits for the machine's restart is not started before it, and may end without it.
TYPED_TEST(OutboxContract, suspends_what_runs) {
    EXPECT_EQ(this->suspend("a").error().code, errc::unknown_id);
    this->admit("a");
    EXPECT_EQ(this->suspend("a").error().code, errc::wrong_state);
    EXPECT_TRUE(this->start("a"));
    EXPECT_TRUE(this->suspend("a"));
    EXPECT_EQ(this->state("a"), RowState::received);
    EXPECT_EQ(this->suspend("a").error().code, errc::wrong_state);
    EXPECT_EQ(this->start("a").error().code, errc::wrong_state);
    EXPECT_EQ(this->admit("a"), Admission::already_in_progress);
    EXPECT_EQ(this->figures().unfinished, 1U);
    EXPECT_TRUE(this->finish("a"));
    EXPECT_EQ(this->figures().unfinished, 0U);
    EXPECT_EQ(this->due_ids(10).size(), 1U);
}

}  // namespace
}  // namespace jiro::delivery
