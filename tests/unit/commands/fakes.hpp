// SPDX-License-Identifier: MIT
#pragma once
// What the dispatcher's tests put around it: a journal in memory that can be slow, refuse or fail, a counter that
// checks the monitor's equations at every event, and handlers that do as they are told.

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jiro/commands/command_observer.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/errors.hpp"
#include "jiro/commands/result_sink.hpp"

namespace jiro::commands::test {

class RecordingSink final : public ResultSink {
  public:
    bool durable() const noexcept override { return is_durable; }

    Task<AdmissionResult> received(Receipt receipt, Duration limit, FirstState state) override {
        limits[receipt.id] = limit;
        payloads[receipt.id] = receipt.payload;
        if (gate != nullptr) {
            boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                            boost::asio::steady_timer::time_point::max());
            gate->push_back(&timer);
            co_await timer.async_wait(kNoThrow);
        }
        received_ids.push_back(receipt.id);
        if (receipt.idempotent) idempotent_ids.insert(receipt.id);
        if (next_error) co_return AdmissionResult{Admission::refused, Error(errc::storage_refused, *next_error)};
        if (state == FirstState::running) started_with_receipt.insert(receipt.id);
        co_return next_answer;
    }

    Task<Result<>> started(std::string id) override {
        started_ids.push_back(std::move(id));
        if (start_fails) co_return Error(errc::storage_refused, "disk full");
        co_return Result<>();
    }

    Task<Result<>> suspended(std::string id) override {
        suspended_ids.push_back(std::move(id));
        if (suspend_fails) co_return Error(errc::storage_refused, "disk full");
        co_return Result<>();
    }

    Task<Result<>> not_again(std::string id) override {
        not_again_ids.push_back(std::move(id));
        co_return Result<>();
    }

    Task<Result<>> finished(FinishedCommand command) override {
        finished_commands.push_back(std::move(command));
        if (finish_fails) co_return Error(errc::storage_refused, "disk full");
        co_return Result<>();
    }

    Task<> answer_unstored(FinishedCommand command) override {
        unstored.push_back(std::move(command));
        co_return;
    }

    void send_again() override { ++sent_again; }

    const FinishedCommand* outcome_of(const std::string& id) const {
        const FinishedCommand* found = nullptr;
        for (const auto& command : finished_commands) {
            if (command.message.command_sync_id != id) continue;
            EXPECT_EQ(found, nullptr) << id << " was settled twice";
            found = &command;
        }
        return found;
    }

    bool is_durable = false;
    AdmissionResult next_answer{Admission::accepted, {}};
    std::optional<std::string> next_error;
    bool start_fails = false;
    bool finish_fails = false;
    bool suspend_fails = false;
    std::vector<boost::asio::steady_timer*>* gate = nullptr;  // set: `received` waits until the test cancels the timer
    std::map<std::string, Duration> limits;
    std::map<std::string, std::string> payloads;
    std::vector<std::string> received_ids;
    std::vector<std::string> started_ids;
    std::vector<std::string> suspended_ids;
    std::vector<std::string> not_again_ids;
    std::set<std::string> started_with_receipt;  // committed as running by the receipt; not in started_ids
    std::set<std::string> idempotent_ids;
    std::vector<FinishedCommand> finished_commands;
    std::vector<FinishedCommand> unstored;
    int sent_again = 0;
};

class CountingObserver final : public CommandObserver {
  public:
    void received(const std::string&) override { ++received_count, ++queued, check(); }
    void started(const std::string& id, const std::string&) override {
        started_ids.push_back(id);
        --queued, ++active;
        place_of_run[id] = &active;
        most_active = std::max(most_active, active);
        check();
    }
    void detached(const std::string& id) override {
        --active, ++detached_count, check();
        place_of_run[id] = &detached_count;
    }
    void suspended(const std::string& id) override {
        --active, ++queued, check();
        place_of_run.erase(id);
    }
    void finished(const FinishedEvent& event) override {
        const auto run = place_of_run.extract(event.command_sync_id);
        --(run ? *run.mapped() : queued);
        ++processed;
        ++(event.outcome == Outcome::succeeded ? successful : failed);
        check();
    }
    void deferred(const std::string&) override { --queued, --received_count, ++deferred_count, check(); }
    void rejected(Rejection why) override { ++rejections[why]; }
    void ended(const AuditedCommand& command) override {
        audited[command.message.command_sync_id] = {std::string(command.name), std::string(command.signed_by),
                                                    std::string(command.user), command.received_ago,
                                                    command.started_ago};
    }

    void check() const {
        EXPECT_EQ(received_count, processed + active + detached_count + queued);
        EXPECT_EQ(processed, successful + failed);
        EXPECT_GE(std::min({active, detached_count, queued, processed}), 0);
    }

    int received_count = 0;
    int queued = 0;
    int active = 0;
    int detached_count = 0;
    std::map<std::string, int*> place_of_run;  // where each that has started counts
    int processed = 0;
    int successful = 0;
    int failed = 0;
    int deferred_count = 0;
    int most_active = 0;
    std::vector<std::string> started_ids;  // in the order in which they started
    std::map<Rejection, int> rejections;
    struct Audited {
        std::string name;
        std::string signed_by;
        std::string user;
        Duration received_ago{};
        std::optional<Duration> started_ago;
    };
    std::map<std::string, Audited> audited;
};

inline CommandMessage message(std::string id, std::string text) {
    CommandMessage result;
    result.command_sync_id = std::move(id);
    result.command = std::move(text);
    result.session_id = "session";
    return result;
}

}  // namespace jiro::commands::test
