// SPDX-License-Identifier: MIT
#include "base/log_pipeline.hpp"

#include <pthread.h>

#include <algorithm>

namespace jiro::log {

void SharedScrubber::add(std::string_view secret) {
    const std::scoped_lock lock(mutex_);
    scrubber_.add(secret);
}

void SharedScrubber::scrub(Entry& entry) const {
    const std::scoped_lock lock(mutex_);
    scrubber_.scrub(entry.message);
    for (RecordField& field : entry.fields) scrubber_.scrub_field(field.name, field.value);
}

Pipeline::Pipeline(const SharedScrubber& scrubber, std::unique_ptr<Sink> sink, std::size_t queue_length)
    : scrubber_(scrubber), sink_(std::move(sink)), queue_(queue_length), many_(queue_length / 4), thread_([this] {
          run();
      }) {
    pthread_setname_np(thread_.native_handle(), "log");
}

Pipeline::~Pipeline() {
    {
        const std::scoped_lock lock(mutex_);
        must_stop_ = true;
    }
    wake_up_.notify_one();
    thread_.join();
}

void Pipeline::post(PackedLine line) {
    const bool is_urgent = line.level() >= Level::warn;
    bool must_wake = false;
    {
        const std::scoped_lock lock(mutex_);
        must_wake = queue_.empty() || (is_urgent && !is_urgent_) || queue_.size() == many_;
        is_urgent_ = is_urgent_ || is_urgent;
        queue_.push_back(std::move(line));
        ++posted_;
    }
    if (must_wake) wake_up_.notify_one();
}

void Pipeline::flush() {
    std::unique_lock lock(mutex_);
    const auto last = posted_;
    is_urgent_ = true;
    wake_up_.notify_one();
    batch_written_.wait(lock, [&] { return written_ >= last; });
}

void Pipeline::replace_sink(std::unique_ptr<Sink> sink) {
    const std::scoped_lock lock(sink_mutex_);
    sink_ = std::move(sink);
}

std::uint64_t Pipeline::lost() const {
    const std::scoped_lock lock(mutex_);
    return queue_.overrun_counter();
}

void Pipeline::run() {
    for (bool more = true; more;) {
        const Batch batch = take_batch();
        more = !batch.is_the_last;
        {
            const std::scoped_lock lock(sink_mutex_);
            write_all(suppressor_.due(std::chrono::steady_clock::now()));
            report_overrun(batch.overrun);
            for (const PackedLine& line : batch.lines) {
                line.unpack(entry_);
                if (suppressor_.admit(entry_)) write(entry_);
            }
            if (!more) write_all(suppressor_.drain());
            sink_->flush();
        }
        const std::scoped_lock lock(mutex_);
        written_ = batch.last;
        batch_written_.notify_all();
    }
}

Pipeline::Batch Pipeline::take_batch() {
    const auto wait = longest_wait();
    std::unique_lock lock(mutex_);
    wake_up_.wait_for(lock, wait, [this] { return must_stop_ || is_urgent_ || !queue_.empty(); });
    const auto goes_now = [this] { return must_stop_ || is_urgent_ || queue_.size() >= many_; };
    if (!queue_.empty()) wake_up_.wait_for(lock, kCompanyWait, goes_now);
    is_urgent_ = false;
    Batch batch{{}, posted_, queue_.overrun_counter(), must_stop_};
    batch.lines.reserve(queue_.size());
    for (; !queue_.empty(); queue_.pop_front()) batch.lines.push_back(std::move(queue_.front()));
    return batch;
}

void Pipeline::write(Entry& entry) {
    scrubber_.scrub(entry);
    sink_->write(entry.record());
}

void Pipeline::write_all(std::vector<Entry> entries) {
    for (Entry& entry : entries) write(entry);
}

void Pipeline::report_overrun(std::size_t overrun) {
    if (overrun == reported_overrun_) return;
    const PackedLine line(Level::warn, "log", {}, "Log lines were lost: they came faster than they could be written",
                          {{"lines", overrun - reported_overrun_}});
    reported_overrun_ = overrun;
    line.unpack(entry_);
    write(entry_);
}

std::chrono::milliseconds Pipeline::longest_wait() const {
    static constexpr std::chrono::hours kIdle{1};
    const auto due = suppressor_.next_due();
    if (!due) return kIdle;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
    return std::clamp<std::chrono::milliseconds>(wait, std::chrono::milliseconds(1), kIdle);
}

}  // namespace jiro::log
