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

QueueSink::QueueSink(std::shared_ptr<BudgetSink> next, std::size_t queue_length)
    : next_(std::move(next)), queue_length_(queue_length), thread_([this] { run(); }) {
    pthread_setname_np(thread_.native_handle(), "log");
}

QueueSink::~QueueSink() {
    {
        const std::scoped_lock lock(mutex_);
        must_stop_ = true;
    }
    wake();
    thread_.join();
}

void QueueSink::log(const spdlog::details::log_msg& message) {
    KeptLine line(message);
    std::unique_lock lock(mutex_);
    if (queue_.size() >= queue_length_) {
        const auto is_no_error = [](const KeptLine& waiting) { return waiting.level < spdlog::level::err; };
        const auto first = std::ranges::find_if(queue_, is_no_error);
        queue_.erase(first == queue_.end() ? queue_.begin() : first);
        ++lost_;
    }
    queue_.push_back(std::move(line));
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
    return lost_;
}

void QueueSink::run() {
    for (bool is_last = false; !is_last;) {
        const auto batch = take_batch(is_last);
        if (is_last) next_report_ = {};
        report_lost();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (i % kLinesAtATime == 0) std::this_thread::yield();
            write(batch[i].message());
        }
        if (is_last) next_->finish();
        next_->flush();
    }
}

std::deque<KeptLine> QueueSink::take_batch(bool& is_last) {
    auto due = std::min(next_->next_due(), std::chrono::steady_clock::now() + std::chrono::hours(1));
    std::unique_lock lock(mutex_);
    if (lost_ != reported_lost_) due = std::min(due, next_report_);
    wake_up_.wait_until(lock, due, [this] { return is_urgent_ || !queue_.empty(); });
    if (!queue_.empty()) wake_up_.wait_for(lock, kBatchDelay, [this] { return is_urgent_; });
    is_urgent_ = false;
    is_last = must_stop_;
    return std::exchange(queue_, {});
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
