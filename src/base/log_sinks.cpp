// SPDX-License-Identifier: MIT
#include "base/log_sinks.hpp"

// The journal's own CODE_FILE and CODE_LINE would name this file in every line.
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/log_text.hpp"

namespace jiro::log {

namespace {

using Formatter = std::string (*)(const Record&);

// Lines are written together, as many whole ones as a pipe takes at once. A reader that has stopped (a full pipe, a
// terminal on hold) costs one wait, then its lines are dropped until it goes on.
class StderrSink final : public Sink {
  public:
    explicit StderrSink(Formatter formatter) : formatter_(formatter) {}

    void write(const Record& record) override {
        const std::string line = formatter_(record);
        if (waiting_.size() + line.size() > PIPE_BUF) flush();
        waiting_ += line;
    }

    void flush() override {
        static constexpr int kPatienceMs = 1000;
        if (waiting_.empty()) return;
        stalled_ = !write_within(STDERR_FILENO, waiting_, stalled_ ? 0 : kPatienceMs);
        waiting_.clear();
    }

  private:
    Formatter formatter_;
    std::string waiting_;
    bool stalled_ = false;
};

std::string journal_name(std::string_view field) {
    std::string name = "JIRO_";
    for (const char c : field) {
        const bool is_lower = c >= 'a' && c <= 'z';
        const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        name += is_lower ? static_cast<char>(c - 'a' + 'A') : is_plain ? c : '_';
    }
    return name.substr(0, 64);  // the journal's limit
}

// Lines that the journal does not take go to standard error. libsystemd calls a line written when there is no journal
// at all (a container, a chroot): that is looked for here.
class JournalSink final : public Sink {
  public:
    explicit JournalSink(std::string socket) : socket_(std::move(socket)) {}

    void write(const Record& record) override {
        const bool is_there = access(socket_.c_str(), W_OK) == 0;
        if (std::exchange(was_there_, is_there) != is_there) {
            const std::string fact =
                is_there ? "The journal is back: lines go to it" : "There is no journal: lines go to standard error";
            fallback_.write({record.time, Level::warn, "log", {}, fact, {}});
        }
        if (!is_there || !send(record)) fallback_.write(record);
    }

    void flush() override { fallback_.flush(); }

  private:
    static bool send(const Record& record) {
        std::vector<std::string> items;
        // The journal shows MESSAGE alone, so it holds the fields too; apart they are there to be searched.
        items.push_back("MESSAGE=" + sentence(record));
        items.push_back("PRIORITY=" + std::to_string(syslog_priority(record.level)));
        items.emplace_back("SYSLOG_IDENTIFIER=jiro-client");
        items.push_back("JIRO_COMPONENT=" + std::string(record.component));
        if (!record.event_id.empty()) items.push_back("MESSAGE_ID=" + std::string(record.event_id));
        for (const RecordField& field : record.fields) items.push_back(journal_name(field.name) + '=' + field.value);
        std::vector<iovec> vectors;
        vectors.reserve(items.size());
        for (std::string& item : items) vectors.push_back({item.data(), item.size()});
        return sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) >= 0;
    }

    const std::string socket_;
    bool was_there_ = true;
    StderrSink fallback_{prefixed_line};
};

}  // namespace

std::unique_ptr<Sink> make_journal_sink(std::string socket) { return std::make_unique<JournalSink>(std::move(socket)); }

std::unique_ptr<Sink> make_sink(Target target) {
    if (target == Target::automatic) {
        target = is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO) ? Target::journald : Target::console;
    }
    if (target == Target::journald) return make_journal_sink("/run/systemd/journal/socket");
    if (target == Target::json) return std::make_unique<StderrSink>(json_line);
    if (isatty(STDERR_FILENO) == 0) return std::make_unique<StderrSink>(prefixed_line);
    if (std::getenv("NO_COLOR") != nullptr) {
        return std::make_unique<StderrSink>(+[](const Record& record) { return terminal_line(record, Colour::off); });
    }
    return std::make_unique<StderrSink>(+[](const Record& record) { return terminal_line(record, Colour::on); });
}

bool is_journal_stream(const char* journal_stream, int fd) {
    if (journal_stream == nullptr) return false;
    const std::string_view text(journal_stream);
    dev_t device = 0;
    ino_t inode = 0;
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, device);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return false;
    const auto second = std::from_chars(first.ptr + 1, end, inode);
    if (second.ec != std::errc() || second.ptr != end) return false;
    struct stat status {};
    return fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
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
