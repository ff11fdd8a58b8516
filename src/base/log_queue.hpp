// SPDX-License-Identifier: MIT
#pragma once
// The hand-over of lines from the caller's thread to the log's: a sink with a bounded queue and a thread behind it, in
// place of spdlog's own thread pool. That wakes its thread for each line, which costs the caller more than the line
// (figures: docs/performance.md); here a line waits up to kBatchDelay for others and they are written together.
// Warnings and errors go at once, with what came before them: spdlog's `flush_on` calls flush(). When the queue is full
// a line gives way (log_backlog.hpp) and is counted; the caller never waits.

#include <spdlog/sinks/sink.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/log_backlog.hpp"
#include "base/log_budget.hpp"
#include "base/log_output.hpp"
#include "base/log_record.hpp"

namespace jiro::log {

class QueueSink final : public spdlog::sinks::sink {
  public:
    static constexpr std::size_t kQueueLength = 8192;
    static constexpr std::chrono::milliseconds kBatchDelay{10};
    static constexpr std::chrono::seconds kReportEvery{10};         // how many lines were lost
    static constexpr std::chrono::milliseconds kStalledEvery{200};  // what the output did not take is tried again

    // `output`: where lines end behind `next`.
    QueueSink(std::shared_ptr<BudgetSink> next, std::shared_ptr<const OutputSink> output,
              std::size_t queue_length = kQueueLength);
    // As end(), without limit.
    ~QueueSink() override;

    // Writes what is queued and what the budget held back, then ends the thread. False: it hangs in a write; then this
    // must not be destroyed.
    [[nodiscard]] bool end(std::chrono::milliseconds limit);

    // Any thread; these do not wait.
    void log(const spdlog::details::log_msg& message) override;
    void flush() override { wake(); }
    [[nodiscard]] std::uint64_t lost() const;  // lines that gave way or could not be written, since the start

    void set_pattern(const std::string& /*pattern*/) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  private:
    void run();
    [[nodiscard]] std::deque<KeptLine> take_batch(bool& is_last);
    void write(const spdlog::details::log_msg& message) noexcept;
    void report_lost();
    void wake();
    void request_end();

    const std::shared_ptr<BudgetSink> next_;
    const std::shared_ptr<const OutputSink> output_;
    const std::size_t queue_length_;
    std::uint64_t reported_lost_ = 0;      // the thread's
    BudgetSink::TimePoint next_report_{};  // the thread's

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_up_;
    std::condition_variable ended_;
    Backlog queue_;
    std::uint64_t lost_ = 0;  // here, not behind
    bool is_urgent_ = false;  // something does not wait for a batch
    bool must_stop_ = false;
    bool has_ended_ = false;

    std::thread thread_;
};

}  // namespace jiro::log
