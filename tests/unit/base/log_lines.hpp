// SPDX-License-Identifier: MIT
#pragma once
// For the tests of the log's sinks: one that keeps lines, and lines to give to the others.

#include <spdlog/sinks/base_sink.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log_format.hpp"
#include "base/log_record.hpp"

namespace jiro::log {

// Keeps the sentences; the test can hold it shut, as a reader that takes nothing does.
class MemorySink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    void open(bool value) {
        const std::scoped_lock lock(gate_);
        is_open_ = value;
        opened_.notify_all();
    }
    [[nodiscard]] std::vector<std::string> lines() {
        const std::scoped_lock lock(gate_);
        return lines_;
    }
    // What came since the last call.
    [[nodiscard]] std::vector<std::string> take() {
        const std::scoped_lock lock(gate_);
        return std::exchange(lines_, {});
    }

  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::unique_lock lock(gate_);
        opened_.wait(lock, [this] { return is_open_; });
        lines_.push_back(sentence(unpack(message)));
    }
    void flush_() override {}

    std::mutex gate_;
    std::condition_variable opened_;
    bool is_open_ = true;
    std::vector<std::string> lines_;
};

// A line of a component, made without a logger.
struct TestLine {
    std::string text;
    spdlog::level::level_enum level = spdlog::level::info;
    std::vector<std::pair<std::string, std::string>> fields{};
    std::string_view component = "test";  // a literal: lines that wait view it, as loggers live for ever

    void log_to(spdlog::sinks::sink& sink) const {
        Payload payload({}, text);
        for (const auto& [name, value] : fields) payload.field(name, value);
        sink.log({component, level, payload.text()});
    }
};

}  // namespace jiro::log
