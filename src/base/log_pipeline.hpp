// SPDX-License-Identifier: MIT
#pragma once
// The way of a line from the caller's thread to the sink: a bounded queue (spdlog's) and one thread behind it, which
// scrubs, holds repeats back and writes. When the queue is full the oldest line gives way and is counted; the caller
// never waits. Waking a thread costs more than writing a line, so a line waits up to kCompanyWait for others and they
// are written together; warnings and errors go at once, with what came before them.

#include <spdlog/common.h>  // the queue header needs it and does not include it
#include <spdlog/details/circular_q.h>

#include <condition_variable>
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
    static constexpr std::chrono::milliseconds kCompanyWait{10};

    // `scrubber` must outlive the pipeline.
    Pipeline(const SharedScrubber& scrubber, std::unique_ptr<Sink> sink, std::size_t queue_length = kQueueLength);
    // Writes what is queued, then ends the thread.
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    // Any thread; does not block.
    void post(PackedLine line);
    // Returns when what was posted before is written or has given way.
    void flush();
    void replace_sink(std::unique_ptr<Sink> sink);
    // Lines that gave way, since the start. Any thread.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Batch {
        std::vector<PackedLine> lines;
        std::uint64_t last = 0;   // the number of the last line that was posted so far
        std::size_t overrun = 0;  // lines that gave way so far
        bool is_the_last = false;
    };

    void run();
    [[nodiscard]] Batch take_batch();
    void write(Entry& entry);  // with sink_mutex_ held, as the next two
    void write_all(std::vector<Entry> entries);
    void report_overrun(std::size_t overrun);
    [[nodiscard]] std::chrono::milliseconds longest_wait() const;

    const SharedScrubber& scrubber_;
    std::mutex sink_mutex_;
    std::unique_ptr<Sink> sink_;
    RepeatSuppressor suppressor_;       // the thread's
    Entry entry_;                       // the thread's: the line in hand
    std::size_t reported_overrun_ = 0;  // the thread's

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_up_;
    std::condition_variable batch_written_;
    spdlog::details::circular_q<PackedLine> queue_;
    std::size_t many_;           // this many lines do not wait for more
    std::uint64_t posted_ = 0;   // lines, since the start; the first is number 1
    std::uint64_t written_ = 0;  // up to this number lines are written or have given way
    bool is_urgent_ = false;     // something in the queue does not wait
    bool must_stop_ = false;

    std::thread thread_;
};

}  // namespace jiro::log
