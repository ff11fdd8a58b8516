// SPDX-License-Identifier: MIT
#include "support/log_capture.hpp"

#include <spdlog/sinks/base_sink.h>

#include <algorithm>

#include "base/log_record.hpp"

namespace jiro::test {

namespace {

std::string_view name_of(log::Level level) {
    switch (level) {
        case log::Level::trace:
            return "trace";
        case log::Level::debug:
            return "debug";
        case log::Level::info:
            return "info";
        case log::Level::warn:
            return "warn";
        case log::Level::error:
            return "error";
    }
    return "";
}

}  // namespace

std::string LogCapture::Line::field(std::string_view name) const {
    const auto found = std::ranges::find(fields, name, [](const auto& entry) { return std::string_view(entry.first); });
    return found == fields.end() ? std::string() : found->second;
}

std::string LogCapture::Line::text() const {
    std::string out(name_of(level));
    out.append(" ").append(component).append(": ").append(message);
    for (const auto& [name, value] : fields) out.append(" ").append(name).append("=").append(value);
    return out;
}

// What the log hands to a sink, taken apart.
class LogCapture::Sink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit Sink(LogCapture& capture) : capture_(capture) {}

  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const log::Record record = log::unpack(message);
        Line line{static_cast<log::Level>(record.level),
                  std::string(record.component),
                  std::string(record.event_id),
                  std::string(record.message),
                  {}};
        for (const log::RecordField& field : record.fields) line.fields.emplace_back(field.name, field.value);
        const std::scoped_lock lock(capture_.mutex_);
        capture_.lines_.push_back(std::move(line));
    }
    void flush_() override {}

    LogCapture& capture_;
};

LogCapture::LogCapture() { log::use_sink_for_test(std::make_shared<Sink>(*this)); }

LogCapture::~LogCapture() { log::use_sink_for_test(nullptr); }

std::vector<LogCapture::Line> LogCapture::lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
}

std::vector<LogCapture::Line> LogCapture::lines(log::Level at_least) const {
    auto selected = lines();
    std::erase_if(selected, [&](const Line& line) { return line.level < at_least; });
    return selected;
}

std::string LogCapture::text() const {
    std::string out;
    for (const Line& line : lines()) out.append(line.text()).append("\n");
    return out;
}

std::size_t LogCapture::count(std::string_view part) const {
    const auto all = lines();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const Line& line) { return line.message.find(part) != std::string::npos; }));
}

std::string LogCapture::field(std::string_view part, std::string_view name) const {
    const auto all = lines();
    for (auto line = all.rbegin(); line != all.rend(); ++line) {
        if (line->message.find(part) != std::string::npos) return line->field(name);
    }
    return {};
}

void LogCapture::clear() {
    const std::scoped_lock lock(mutex_);
    lines_.clear();
}

}  // namespace jiro::test
