// SPDX-License-Identifier: MIT
#include "jiro/base/log.hpp"

#include <atomic>

#include "base/log_pipeline.hpp"

namespace jiro::log {

namespace {

// The one global of the project: what a Logger, which is a constant, writes to.
struct Core {
    SharedScrubber scrubber;
    std::atomic<Level> threshold{Level::info};

    std::mutex mutex;  // guards what follows
    Settings settings;
    std::shared_ptr<Pipeline> pipeline;          // null before `configure` and after `shutdown`
    std::unique_ptr<Sink> direct;                // used while there is no pipeline
    std::function<void(const Record&)> capture;  // changed with capture_mutex held, too

    std::mutex
        capture_mutex;  // one captured line at a time, none after capture_for_test(nullptr); taken before `mutex`

    void give_to_capture(const Entry& entry) {
        const std::scoped_lock lock(capture_mutex);
        if (capture) capture(entry.record());
    }

    void update_threshold() { threshold = capture ? Level::trace : settings.level; }
};

// Never destroyed: a line may be written by a static object's destructor.
Core& core() {
    static Core& instance = *new Core;
    return instance;
}

}  // namespace

bool Logger::enabled(Level level) noexcept { return level >= core().threshold.load(std::memory_order_relaxed); }

void Logger::write(Level level, std::string_view message, Fields fields) const {
    if (!enabled(level)) return;
    PackedLine line(level, component_, event_.id, message, fields);
    Core& shared = core();
    std::unique_lock lock(shared.mutex);
    if (const auto pipeline = shared.pipeline; pipeline && !shared.capture) {
        lock.unlock();
        pipeline->post(std::move(line));
        return;
    }
    Entry entry;
    line.unpack(entry);
    shared.scrubber.scrub(entry);
    if (shared.capture) {
        lock.unlock();
        shared.give_to_capture(entry);
    } else {
        if (!shared.direct) shared.direct = make_sink(Target::console);
        shared.direct->write(entry.record());
        shared.direct->flush();
    }
}

void configure(const Settings& settings) {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    if (!shared.pipeline) {
        shared.pipeline = std::make_shared<Pipeline>(shared.scrubber, make_sink(settings.target));
        shared.direct.reset();
    } else if (shared.settings.target != settings.target) {
        shared.pipeline->replace_sink(make_sink(settings.target));
    }
    shared.settings = settings;
    shared.update_threshold();
}

void shutdown() {
    Core& shared = core();
    std::shared_ptr<Pipeline> ending;
    {
        const std::scoped_lock lock(shared.mutex);
        ending = std::move(shared.pipeline);
        shared.pipeline.reset();
        if (ending) shared.direct = make_sink(shared.settings.target);
    }
    if (ending) ending->flush();
}

void flush() {
    Core& shared = core();
    std::shared_ptr<Pipeline> pipeline;
    {
        const std::scoped_lock lock(shared.mutex);
        pipeline = shared.pipeline;
    }
    if (pipeline) pipeline->flush();
}

std::uint64_t lost_lines() {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    return shared.pipeline ? shared.pipeline->lost() : 0;
}

void register_secret(const Secret& secret) { core().scrubber.add(secret.reveal()); }

void capture_for_test(std::function<void(const Record&)> capture) {
    Core& shared = core();
    const std::scoped_lock no_line_in_between(shared.capture_mutex, shared.mutex);
    shared.capture = std::move(capture);
    shared.update_threshold();
}

}  // namespace jiro::log
