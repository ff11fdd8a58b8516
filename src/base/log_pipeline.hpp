#pragma once
// The way of a line from the caller's thread to the sink: a bounded queue (spdlog's) and one thread behind it, which
// scrubs, holds repeats back and writes. When the queue is full the oldest line gives way and is counted; the caller
// never waits.

#include <spdlog/common.h>  // the queue header needs it and does not include it
#include <spdlog/details/mpmc_blocking_q.h>

#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "base/log_record.hpp"
#include "base/log_scrubber.hpp"
#include "base/log_sinks.hpp"
#include "base/log_suppressor.hpp"

namespace jiro::log {

// Secrets are registered on any thread; lines are scrubbed on the sink's or, in tests, on the caller's.
class SharedScrubber {
  public:
    void add(std::string_view secret);
    void scrub(Entry& entry) const;

  private:
    mutable std::mutex mutex_;
    Scrubber scrubber_;
};

class Pipeline {
  public:
    static constexpr std::size_t kQueueLength = 8192;

    // `scrubber` must outlive the pipeline.
    Pipeline(const SharedScrubber& scrubber, std::unique_ptr<Sink> sink, std::size_t queue_length = kQueueLength);
    // Writes what is queued, then ends the thread.
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    // Any thread; does not block.
    void post(Entry entry);
    // Returns when what was posted before is written or has given way.
    void flush();
    void replace_sink(std::unique_ptr<Sink> sink);
    // Lines that gave way, since the start. Any thread.
    [[nodiscard]] std::uint64_t lost() { return queue_.overrun_counter(); }

  private:
    struct Item {
        std::unique_ptr<Entry> entry;
        std::shared_ptr<std::promise<void>> flushed;
        bool is_last = false;
    };

    void run();
    void write(Entry& entry);
    void write_all(std::vector<Entry> entries);
    void report_overrun();
    [[nodiscard]] std::chrono::milliseconds longest_wait() const;

    const SharedScrubber& scrubber_;
    std::mutex sink_mutex_;
    std::unique_ptr<Sink> sink_;
    RepeatSuppressor suppressor_;       // the thread's
    std::size_t reported_overrun_ = 0;  // the thread's
    spdlog::details::mpmc_blocking_queue<Item> queue_;
    std::thread thread_;
};

}  // namespace jiro::log
