// SPDX-License-Identifier: MIT
#pragma once
// Where lines end: standard error in one of three forms, or the journal. The sink in front keeps what they do not take
// (a reader that has stopped, a full disk) until they do. The log's thread uses it (the caller's, before `configure`
// and after `shutdown`).

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/log_backlog.hpp"
#include "jiro/base/log.hpp"

namespace jiro::log {

class Output {
  public:
    virtual ~Output() = default;

    // Neither waits longer than that for a reader who takes nothing. False: the line was not taken.
    virtual bool take(const spdlog::details::log_msg& line, std::chrono::milliseconds patience) = 0;
    // Writes what it has taken. False: not all of it was written.
    virtual bool flush(std::chrono::milliseconds patience) = 0;
    // Lines that were taken and are not written.
    [[nodiscard]] virtual std::size_t left() const = 0;
};

class OutputSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    static constexpr std::size_t kMostWaiting = 4096;
    // A reader that has stopped costs one such wait, then none until it goes on.
    static constexpr std::chrono::milliseconds kPatience{1000};

    explicit OutputSink(std::unique_ptr<Output> output, std::chrono::milliseconds patience = kPatience)
        : patience_(patience), output_(std::move(output)) {}

    // Any thread; these wait for no line that is being written.
    // Lines go there from the next one on, also those that wait.
    void use(std::unique_ptr<Output> next);
    // Lines wait: whoever feeds it flushes it now and then.
    [[nodiscard]] bool is_stalled() const noexcept { return is_stalled_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

  private:
    void sink_it_(const spdlog::details::log_msg& line) override;
    void flush_() override;
    void set_pattern_(const std::string& /*pattern*/) override {}
    void set_formatter_(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}
    void go_to_next();

    const std::chrono::milliseconds patience_;
    std::unique_ptr<Output> output_;
    Backlog waiting_{kMostWaiting};
    std::atomic<bool> is_stalled_ = false;
    std::atomic<std::uint64_t> lost_ = 0;

    std::mutex next_mutex_;
    std::unique_ptr<Output> next_;  // guarded by it; null: there is none
};

// `Target::automatic` is resolved here, by looking at standard error.
[[nodiscard]] std::unique_ptr<Output> make_output(Target target);

// The journal behind that socket of journald's; standard error for what it refuses.
[[nodiscard]] std::unique_ptr<Output> make_journal_output(std::string socket);

// True when systemd connected file descriptor `fd` to the journal; `journal_stream` is $JOURNAL_STREAM
// ("device:inode").
[[nodiscard]] bool is_journal_stream(const char* journal_stream, int fd);

// Writes `text` to `fd`; gives up when the reader takes nothing for `patience`. How many bytes were written.
[[nodiscard]] std::size_t write_within(int fd, std::string_view text, std::chrono::milliseconds patience);

}  // namespace jiro::log
