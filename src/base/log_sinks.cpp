// SPDX-License-Identifier: MIT
#include "base/log_sinks.hpp"

// The journal's own CODE_FILE and CODE_LINE would name this file in every line.
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <limits.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/log_format.hpp"
#include "base/log_record.hpp"
#include "jiro/base/text.hpp"

namespace jiro::log {

namespace {

// Lines are written together, as many whole ones as a pipe takes at once. A reader that has stopped (a full pipe, a
// terminal on hold) costs one wait, then its lines are dropped until it goes on.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit StderrSink(const char* pattern) : base_sink(make_formatter(pattern)) {}

  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (waiting_.size() + line.size() > PIPE_BUF) flush_();
        waiting_.append(line.data(), line.size());
    }

    void flush_() override {
        static constexpr int kPatienceMs = 1000;
        if (waiting_.empty()) return;
        stalled_ = !write_within(STDERR_FILENO, waiting_, stalled_ ? 0 : kPatienceMs);
        waiting_.clear();
    }

    std::string waiting_;
    bool stalled_ = false;
};

// Lines that the journal does not take go to standard error. libsystemd calls a line written when there is no journal
// at all (a container, a chroot): that is looked for here.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit JournalSink(std::string socket) : socket_(std::move(socket)) {}

  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const bool is_there = access(socket_.c_str(), W_OK) == 0;
        if (std::exchange(was_there_, is_there) != is_there) {
            fallback_.log(
                {"log", spdlog::level::warn,
                 is_there ? "The journal is back: lines go to it" : "There is no journal: lines go to standard error"});
        }
        if (!is_there || !send(unpack(message))) fallback_.log(message);
    }

    void flush_() override { fallback_.flush(); }

    static bool send(const Record& record) {
        std::vector<std::string> items;
        // The journal shows MESSAGE alone, so it holds the fields too; apart they are there to be searched.
        items.push_back("MESSAGE=" + sentence(record));
        items.push_back("PRIORITY=" + std::to_string(syslog_priority(record.level)));
        items.emplace_back("SYSLOG_IDENTIFIER=jiro-client");
        items.push_back("JIRO_COMPONENT=" + std::string(record.component));
        if (!record.event_id.empty()) items.push_back("MESSAGE_ID=" + std::string(record.event_id));
        for (const auto& [name, value] : record.fields) {
            items.push_back(("JIRO_" + upper_case(name)).append(1, '=').append(value));
        }
        std::vector<iovec> vectors;
        vectors.reserve(items.size());
        for (std::string& item : items) vectors.push_back({item.data(), item.size()});
        return sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) >= 0;
    }

    const std::string socket_;
    bool was_there_ = true;
    StderrSink fallback_{kPrefixedPattern};
};

}  // namespace

void ScrubSink::sink_it_(const spdlog::details::log_msg& message) {
    const Record record = unpack(message);
    const bool is_clean =
        !redactor_.redacted(record.message) && std::ranges::none_of(record.fields, [&](const auto& field) {
            return redactor_.redacted_field(field.name, field.value).has_value();
        });
    if (is_clean) return dist_sink::sink_it_(message);
    Payload payload(record.event_id, redactor_.redacted(record.message).value_or(std::string(record.message)));
    for (const auto& [name, value] : record.fields) {
        payload.field(name, redactor_.redacted_field(name, value).value_or(std::string(value)));
    }
    dist_sink::sink_it_({message.time, {}, message.logger_name, message.level, payload.text()});
}

std::string ScrubSink::scrubbed(std::string_view text) const {
    return redactor_.redacted(text).value_or(std::string(text));
}

void TailSink::log(const spdlog::details::log_msg& message) {
    if (!tail_.is_kept()) return;
    const Record record = unpack(message);
    tail_.add({0, record.time, static_cast<Level>(record.level), std::string(record.component), sentence(record)});
}

spdlog::sink_ptr make_journal_sink(std::string socket) { return std::make_shared<JournalSink>(std::move(socket)); }

spdlog::sink_ptr make_output(Target target) {
    if (target == Target::automatic) {
        target = is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO) ? Target::journald : Target::console;
    }
    if (target == Target::journald) return make_journal_sink("/run/systemd/journal/socket");
    if (target == Target::json) return std::make_shared<StderrSink>(kJsonPattern);
    if (isatty(STDERR_FILENO) == 0) return std::make_shared<StderrSink>(kPrefixedPattern);
    return std::make_shared<StderrSink>(std::getenv("NO_COLOR") != nullptr ? kPlainPattern : kColouredPattern);
}

bool is_journal_stream(const char* journal_stream, int fd) {
    struct stat status {};
    return journal_stream != nullptr && fstat(fd, &status) == 0 &&
           journal_stream == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

bool write_within(int fd, std::string_view text, int patience_ms) {
    while (!text.empty()) {
        pollfd ready{fd, POLLOUT, 0};
        const int count = poll(&ready, 1, patience_ms);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        // A pipe that polls as writable takes PIPE_BUF bytes without blocking, not more.
        const ssize_t written = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace jiro::log
