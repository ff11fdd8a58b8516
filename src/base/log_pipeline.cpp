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
    entry.message = scrubber_.scrub(entry.message);
    for (Field& field : entry.fields) field.value = scrubber_.scrub_field(field.name, field.value);
}

Pipeline::Pipeline(const SharedScrubber& scrubber, std::unique_ptr<Sink> sink, std::size_t queue_length)
    : scrubber_(scrubber), sink_(std::move(sink)), queue_(queue_length), thread_([this] { run(); }) {
    pthread_setname_np(thread_.native_handle(), "log");
}

Pipeline::~Pipeline() {
    Item last;
    last.is_last = true;
    queue_.enqueue(std::move(last));
    thread_.join();
}

void Pipeline::post(Entry entry) {
    Item item;
    item.entry = std::make_unique<Entry>(std::move(entry));
    queue_.enqueue_nowait(std::move(item));
}

void Pipeline::flush() {
    Item item;
    item.flushed = std::make_shared<std::promise<void>>();
    const auto done = item.flushed->get_future();
    queue_.enqueue(std::move(item));
    done.wait();  // also ends when the item gave way to newer lines: its promise is then broken
}

void Pipeline::replace_sink(std::unique_ptr<Sink> sink) {
    const std::scoped_lock lock(sink_mutex_);
    sink_ = std::move(sink);
}

void Pipeline::run() {
    for (bool more = true; more;) {
        Item item;
        const bool received = queue_.dequeue_for(item, longest_wait());
        write_all(suppressor_.due(std::chrono::steady_clock::now()));
        report_overrun();
        if (!received) continue;
        if (item.entry && suppressor_.admit(*item.entry)) write(*item.entry);
        if (item.flushed) item.flushed->set_value();
        more = !item.is_last;
    }
    write_all(suppressor_.drain());
}

void Pipeline::write(Entry& entry) {
    scrubber_.scrub(entry);
    const std::scoped_lock lock(sink_mutex_);
    sink_->write(entry.record());
}

void Pipeline::write_all(std::vector<Entry> entries) {
    for (Entry& entry : entries) write(entry);
}

void Pipeline::report_overrun() {
    const std::size_t overrun = queue_.overrun_counter();
    if (overrun == reported_overrun_) return;
    Entry entry;
    entry.time = std::chrono::system_clock::now();
    entry.monotonic = std::chrono::steady_clock::now();
    entry.level = Level::warn;
    entry.component = "log";
    entry.message = "Log lines were lost: they came faster than they could be written";
    entry.fields.emplace_back("lines", overrun - reported_overrun_);
    reported_overrun_ = overrun;
    write(entry);
}

std::chrono::milliseconds Pipeline::longest_wait() const {
    static constexpr std::chrono::hours kIdle{1};
    const auto due = suppressor_.next_due();
    if (!due) return kIdle;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
    return std::clamp<std::chrono::milliseconds>(wait, std::chrono::milliseconds(1), kIdle);
}

}  // namespace jiro::log
