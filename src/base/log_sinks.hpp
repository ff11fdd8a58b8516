// SPDX-License-Identifier: MIT
#pragma once
// The scrubber, and beside the output (log_output.hpp) the tail. The log's thread uses them (the caller's, before
// `configure` and after `shutdown`).

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
    [[nodiscard]] Redactor& redactor() noexcept { return redactor_; }
    [[nodiscard]] std::string scrubbed(std::string_view name, std::string_view value) const;

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

}  // namespace jiro::log
