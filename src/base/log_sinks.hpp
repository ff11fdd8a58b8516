// SPDX-License-Identifier: MIT
#pragma once
// The last of spdlog's sinks: the scrubber, and behind it where lines end, which is standard error in one of three
// forms or the journal. The log's thread uses them (the caller's, before `configure` and after `shutdown`).

#include <spdlog/sinks/dist_sink.h>

#include <string>
#include <string_view>

#include "base/redactor.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/log_tail.hpp"

namespace jiro::log {

// Hands each line on without secrets.
class ScrubSink final : public spdlog::sinks::dist_sink_mt {
  public:
    // Any thread; does not wait for a line that is being written.
    void add(std::string_view secret) { redactor_.add(secret); }
    [[nodiscard]] std::string scrubbed(std::string_view text) const;

  private:
    void sink_it_(const spdlog::details::log_msg& message) override;

    Redactor redactor_;
};

// Keeps the last lines, while somebody wants them.
class TailSink final : public spdlog::sinks::sink {
  public:
    explicit TailSink(Tail& tail) : tail_(tail) {}

    void log(const spdlog::details::log_msg& message) override;
    void flush() override {}
    void set_pattern(const std::string& /*pattern*/) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  private:
    Tail& tail_;
};

// `Target::automatic` is resolved here, by looking at standard error.
[[nodiscard]] spdlog::sink_ptr make_output(Target target);

// The journal behind that socket of journald's; standard error for what it does not take.
[[nodiscard]] spdlog::sink_ptr make_journal_sink(std::string socket);

// True when systemd connected file descriptor `fd` to the journal; `journal_stream` is $JOURNAL_STREAM
// ("device:inode").
[[nodiscard]] bool is_journal_stream(const char* journal_stream, int fd);

// Writes all of `text` to `fd`; gives up when the reader takes nothing for `patience_ms`. False: something was not
// written.
[[nodiscard]] bool write_within(int fd, std::string_view text, int patience_ms);

}  // namespace jiro::log
