// SPDX-License-Identifier: MIT
#include "base/log_budget.hpp"

#include <gtest/gtest.h>

#include "unit/base/log_lines.hpp"

namespace jiro::log {
namespace {

using namespace std::chrono_literals;
using TimePoint = BudgetSink::TimePoint;

// A budget on a clock moved by hand, and what it lets pass.
struct Log {
    TimePoint now{std::chrono::hours(1)};
    std::shared_ptr<MemorySink> memory = std::make_shared<MemorySink>();
    BudgetSink budget{memory, [this] { return now; }};
    std::size_t written = 0;  // lines, so far

    // What was written since the last call.
    std::vector<std::string> news() {
        auto lines = memory->take();
        written += lines.size();
        return lines;
    }
    // How many lines were written for this one.
    std::size_t write(const TestLine& line) {
        line.log_to(budget);
        return news().size();
    }
    std::size_t fail(std::string reason = {}) {
        return write({"Cannot connect", spdlog::level::warn, {{"reason", std::move(reason)}}, "signalr"});
    }
    std::vector<std::string> due() {
        budget.flush();
        return news();
    }
};

TestLine of_command(std::string id, std::string text = "Command received",
                    spdlog::level::level_enum level = spdlog::level::info) {
    return {std::move(text), level, {{"command_sync_id", std::move(id)}}, "commands"};
}

// An event of the audit is never left out, however many there are.
TEST(LogBudget, lets_every_event_of_the_audit_pass) {
    Log log;
    TestLine line = of_command("same", "Audit");
    line.component = kAudit;
    for (int i = 0; i < 2 * BudgetSink::kCommandLines; ++i) ASSERT_EQ(log.write(line), 1U);
}

// A new line is shown, its repeats are counted, and the window's end tells how many.
TEST(LogBudget, counts_repeats_and_tells_them_once) {
    Log log;
    const TimePoint start = log.now;
    EXPECT_EQ(log.fail(), 1U);
    EXPECT_EQ(log.budget.next_due(), TimePoint::max());
    for (int i = 1; i <= 7; ++i) {
        log.now = start + i * 5700ms;
        EXPECT_EQ(log.fail(), 0U);
    }
    EXPECT_EQ(log.budget.next_due(), start + 1min);
    log.now = start + 59s;
    EXPECT_TRUE(log.due().empty());

    log.now = start + 60s;
    EXPECT_EQ(log.due(), std::vector<std::string>{"Cannot connect (repeated 7 times in 40 s)"});
    log.now = start + 2min;
    EXPECT_TRUE(log.due().empty());
}

// Another sentence, another component, info, and the lines of commands are not repeats.
TEST(LogBudget, holds_back_nothing_else) {
    Log log;
    ASSERT_EQ(log.fail(), 1U);
    EXPECT_EQ(log.write({"Cannot deliver", spdlog::level::warn, {}, "signalr"}), 1U);
    EXPECT_EQ(log.write({"Cannot connect", spdlog::level::warn, {}, "delivery"}), 1U);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(log.write(of_command("cmd-1", "Cannot connect", spdlog::level::warn)), 1U);
        EXPECT_EQ(log.write({"Connected", spdlog::level::info, {}, "signalr"}), 1U);
    }
}

// Another reason is news, its numbers aside; a peer that invents reasons runs out of them.
TEST(LogBudget, shows_a_new_reason_at_once_but_not_endlessly) {
    Log log;
    EXPECT_EQ(log.fail("refused after 15 ms"), 1U);
    EXPECT_EQ(log.fail("refused after 7 ms"), 0U);
    EXPECT_EQ(log.fail("HTTP status 404"), 1U);
    EXPECT_EQ(log.fail("refused after 8 ms"), 0U);
    std::size_t shown = 0;
    for (char c = 'a'; c <= 'z'; ++c) shown += log.fail(std::string(3, c));
    EXPECT_EQ(shown, BudgetSink::kMaxReasons - 2);
}

// A reload is an operator's: each of its errors is shown, each time.
TEST(LogBudget, never_holds_back_a_reload) {
    Log log;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(log.write({"Reload refused", spdlog::level::err, {}, "reload"}), 1U);
}

// What is pending at the end of the process is told.
TEST(LogBudget, finish_tells_what_is_pending) {
    Log log;
    log.fail();
    log.now += 1s;
    log.fail();
    log.budget.finish();
    EXPECT_EQ(log.news(), std::vector<std::string>{"Cannot connect (repeated 1 time in 1 s)"});
    log.budget.finish();
    EXPECT_TRUE(log.news().empty());
}

// A failure that comes back after a quiet time is news, and its window starts small again.
TEST(LogBudget, forgets_after_a_quiet_time) {
    Log log;
    const TimePoint start = log.now;
    for (int i = 0; i <= 20; ++i) {
        log.now = start + i * 30s;
        log.fail();
    }
    EXPECT_EQ(log.budget.next_due(), start + 15min);
    log.now = start + 10min + BudgetSink::kForgetAfter + 1s;
    EXPECT_EQ(log.due().size(), 1U);
    EXPECT_EQ(log.fail(), 1U);
    log.now += 1s;
    EXPECT_EQ(log.fail(), 0U);
    EXPECT_EQ(log.budget.next_due(), log.now - 1s + 1min);
}

// When a failure stops inside a long window, its count does not wait for the window's end.
TEST(LogBudget, tells_the_count_of_what_has_stopped) {
    Log log;
    for (int i = 0; i < 200; ++i) {
        log.now += 60s;
        log.fail();
    }
    log.now += BudgetSink::kForgetAfter - 1s;
    EXPECT_TRUE(log.due().empty());
    EXPECT_EQ(log.budget.next_due(), log.now + 1s);
    log.now += 1s;
    EXPECT_EQ(log.due().size(), 1U);
    EXPECT_EQ(log.fail(), 1U);
}

// An outage of a day costs fewer than 200 lines, however often it is tried: the promise of the log.
TEST(LogBudget, outage_of_a_day_costs_few_lines) {
    for (const auto interval : {1s, 30s, 59s, 61s, 120s, 600s, 899s, 901s, 3600s}) {
        Log log;
        for (const TimePoint end = log.now + 24h; log.now < end; log.now += interval) log.fail();
        log.budget.finish();
        static_cast<void>(log.news());
        EXPECT_LT(log.written, 100U) << interval.count() << " s between attempts";
        EXPECT_GE(log.written, 24U) << interval.count() << " s between attempts";
    }
}

// A caller that builds its sentences cannot make the memory grow.
TEST(LogBudget, tracks_a_bounded_number_of_sentences) {
    Log log;
    for (std::size_t i = 0; i < 2 * BudgetSink::kMaxKinds; ++i) {
        EXPECT_EQ(log.write({"number " + std::to_string(i), spdlog::level::warn}), 1U);
    }
    EXPECT_EQ(log.write({"one more", spdlog::level::warn}), 1U);
    EXPECT_EQ(log.write({"one more", spdlog::level::warn}), 1U);
    log.now += 1h;
    EXPECT_EQ(log.write({"later", spdlog::level::warn}), 1U);
    EXPECT_EQ(log.write({"later", spdlog::level::warn}), 0U);
}

// And beyond that number they share one budget; errors pass.
TEST(LogBudget, invented_sentences_share_one_budget) {
    Log log;
    std::size_t shown = 0;
    for (int i = 0; i < 10'000; ++i) shown += log.write({"number " + std::to_string(i), spdlog::level::info});
    EXPECT_EQ(shown, BudgetSink::kMaxKinds + BudgetSink::kOtherLines);
    for (int i = 0; i < 700; ++i) {
        EXPECT_EQ(log.write({"error " + std::to_string(i), spdlog::level::err}), 1U);
    }
}

// Ordinary traffic, 100 commands a second, passes for as long as it lasts.
TEST(LogBudget, lines_of_commands_pass_at_100_a_second) {
    Log log;
    for (int i = 0; i < 30'000; ++i) {
        log.now += 10ms;
        const std::string id = "0b6c8f3e-" + std::to_string(i);
        ASSERT_EQ(log.write(of_command(id)), 1U) << i;
        ASSERT_EQ(log.write(of_command(id, "Command ended")), 1U) << i;
        ASSERT_EQ(log.write(of_command(id, "Result delivered")), 1U) << i;
    }
}

// A hub that repeats one id costs some lines a minute, and the log says how many it left out.
TEST(LogBudget, one_repeated_id_costs_few_lines) {
    Log log;
    for (int i = 0; i < 200'000; ++i) {
        log.now += 1ms;
        of_command("cmd-1", "Command is already waiting").log_to(log.budget);
        of_command("cmd-1", "Another command came", spdlog::level::warn).log_to(log.budget);
    }
    log.budget.finish();
    const auto lines = log.news();
    EXPECT_LT(lines.size(), 100U);
    std::size_t told = 0;
    std::size_t summaries = 0;
    for (const std::string& line : lines) {
        const auto count = line.find(" more were left out in ");
        if (count == std::string::npos) continue;
        told += std::stoul(line.substr(line.rfind('(', count) + 1));
        ++summaries;
    }
    EXPECT_EQ(told + lines.size() - summaries, 400'000U);
}

// One that invents ids has ordinary traffic's budget for each sentence; another command's lines have none of their own.
TEST(LogBudget, invented_ids_have_ordinary_traffics_budget) {
    Log log;
    for (int i = 0; i < 50'000; ++i) of_command("invented-" + std::to_string(i)).log_to(log.budget);
    EXPECT_LE(log.news().size(), static_cast<std::size_t>(BudgetSink::kCommandLines));
    log.now += 1min;
    EXPECT_EQ(log.due(), std::vector<std::string>{
                             "Command received (41000 more were left out in 1 s) command_sync_id=invented-49999"});
    EXPECT_EQ(log.write(of_command("cmd-1")), 1U);
}

// Whatever else fills the log: errors pass.
TEST(LogBudget, errors_of_commands_always_pass) {
    Log log;
    for (int i = 0; i < 20'000; ++i) {
        ASSERT_EQ(log.write(of_command("cmd-1", "Result undeliverable", spdlog::level::err)), 1U);
    }
}

// So many lines of one sentence in a minute, then a count, then so many again.
TEST(LogBudget, other_lines_have_a_number_a_minute) {
    Log log;
    const TestLine line{"Status endpoint listens", spdlog::level::info, {}, "monitor"};
    for (int minute = 0; minute < 3; ++minute) {
        std::size_t shown = 0;
        for (int i = 0; i < 1000; ++i) shown += log.write(line);
        EXPECT_EQ(shown, static_cast<std::size_t>(BudgetSink::kOtherLines));
        EXPECT_EQ(log.write({"Another sentence", spdlog::level::info, {}, "monitor"}), 1U);
        log.now += 1min;
        EXPECT_EQ(log.due(), std::vector<std::string>{"Status endpoint listens (400 more were left out in 1 s)"});
    }
}

}  // namespace
}  // namespace jiro::log
