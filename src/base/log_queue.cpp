// SPDX-License-Identifier: MIT
#include "base/log_queue.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace jiro::log {

namespace {

// Then whoever waits for this processor has it: a line can wait, a command should not.
constexpr std::size_t kLinesAtATime = 16;

}  // namespace

QueueSink::QueueSink(std::shared_ptr<BudgetSink> next, std::shared_ptr<const OutputSink> output,
                     std::size_t queue_length)
    : next_(std::move(next)),
      output_(std::move(output)),
      queue_length_(queue_length),
      queue_(queue_length),
      thread_([this] { run(); }) {
    pthread_setname_np(thread_.native_handle(), "log");
}

QueueSink::~QueueSink() {
    request_end();
    thread_.join();
}

bool QueueSink::end(std::chrono::milliseconds limit) {
    request_end();
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, limit, [this] { return has_ended_; });
}

void QueueSink::request_end() {
    {
        const std::scoped_lock lock(mutex_);
        must_stop_ = true;
    }
    wake();
}

void QueueSink::log(const spdlog::details::log_msg& message) {
    KeptLine line(message);
    std::unique_lock lock(mutex_);
    if (queue_.push(std::move(line))) ++lost_;
    const bool is_first = queue_.size() == 1;
    const bool is_many = queue_.size() == queue_length_ / 4;
    lock.unlock();
    if (is_many) {
        wake();
    } else if (is_first) {
        wake_up_.notify_one();
    }
}

void QueueSink::wake() {
    {
        const std::scoped_lock lock(mutex_);
        is_urgent_ = true;
    }
    wake_up_.notify_one();
}

std::uint64_t QueueSink::lost() const {
    const std::scoped_lock lock(mutex_);
    return lost_ + output_->lost();
}

void QueueSink::run() {
    for (bool is_last = false; !is_last;) {
        const auto batch = take_batch(is_last);
        if (is_last) next_report_ = {};
        if (is_last || !output_->is_stalled()) report_lost();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (i % kLinesAtATime == 0) std::this_thread::yield();
            write(batch[i].message());
        }
        if (is_last) next_->finish();
        next_->flush();
    }
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
    ended_.notify_all();
}

std::deque<KeptLine> QueueSink::take_batch(bool& is_last) {
    auto due = std::min(next_->next_due(), std::chrono::steady_clock::now() + std::chrono::hours(1));
    if (output_->is_stalled()) {
        due = std::min(due, std::chrono::steady_clock::now() + kStalledEvery);
    } else if (lost() != reported_lost_) {
        due = std::min(due, next_report_);
    }
    std::unique_lock lock(mutex_);
    wake_up_.wait_until(lock, due, [this] { return is_urgent_ || !queue_.empty(); });
    if (!queue_.empty()) wake_up_.wait_for(lock, kBatchDelay, [this] { return is_urgent_; });
    is_urgent_ = false;
    is_last = must_stop_;
    return queue_.take();
}

void QueueSink::write(const spdlog::details::log_msg& message) noexcept {
    try {
        next_->log(message);
    } catch (const std::exception&) {  // no memory
        const std::scoped_lock lock(mutex_);
        ++lost_;
    }
}

void QueueSink::report_lost() {
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t lost_now = lost();
    if (lost_now == reported_lost_ || now < next_report_) return;
    next_report_ = now + kReportEvery;
    Payload payload({}, "Log lines were lost: they came faster than they could be written");
    payload.field("lines", std::to_string(lost_now - std::exchange(reported_lost_, lost_now)));
    write({"log", spdlog::level::warn, payload.text()});
}

}  // namespace jiro::log
