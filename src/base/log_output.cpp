// SPDX-License-Identifier: MIT
#include "base/log_output.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/log_format.hpp"
#include "base/log_record.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/text.hpp"

namespace jiro::log {

namespace {

using std::chrono::milliseconds;

bool takes_more(int fd, milliseconds patience) {
    pollfd ready{fd, POLLOUT, 0};
    int count = 0;
    do {
        count = poll(&ready, 1, static_cast<int>(patience.count()));
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

// Lines are written together, as many whole ones as a pipe takes at once.
class StderrOutput final : public Output {
  public:
    explicit StderrOutput(const char* pattern) : formatter_(make_formatter(pattern)) {}

    bool take(const spdlog::details::log_msg& line, milliseconds patience) override {
        spdlog::memory_buf_t text;
        formatter_->format(line, text);
        if (!taken_.empty() && taken_.size() + text.size() > PIPE_BUF && !flush(patience)) return false;
        taken_.append(text.data(), text.size());
        return true;
    }

    bool flush(milliseconds patience) override {
        taken_.erase(0, write_within(STDERR_FILENO, taken_, patience));
        return taken_.empty();
    }

    [[nodiscard]] std::size_t left() const override {
        return static_cast<std::size_t>(std::ranges::count(taken_, '\n'));
    }

  private:
    std::unique_ptr<spdlog::formatter> formatter_;
    std::string taken_;
};

// One field of the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a value with a line break has its
// length ahead of it.
void append_field(std::string& entry, std::string_view name, std::string_view value) {
    entry.append(name);
    if (value.find('\n') == std::string_view::npos) {
        entry.append(1, '=').append(value);
    } else {
        entry.append(1, '\n');
        for (unsigned shift = 0; shift < 64; shift += 8) {
            entry += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift);
        }
        entry.append(value);
    }
    entry += '\n';
}

std::string journal_entry(const Record& record) {
    std::string entry;
    // The journal shows MESSAGE alone, so it holds the fields too; apart they are there to be searched.
    append_field(entry, "MESSAGE", sentence(record));
    append_field(entry, "PRIORITY", std::to_string(syslog_priority(record.level)));
    append_field(entry, "SYSLOG_IDENTIFIER", "jiro-client");
    append_field(entry, "JIRO_COMPONENT", record.component);
    if (!record.event_id.empty()) append_field(entry, "MESSAGE_ID", record.event_id);
    for (const auto& [name, value] : record.fields) append_field(entry, "JIRO_" + upper_case(name), value);
    return entry;
}

// The socket is our own: that of libsystemd waits for journald without limit.
class JournalOutput final : public Output {
  public:
    explicit JournalOutput(std::string socket) : socket_(std::move(socket)) {}

    bool take(const spdlog::details::log_msg& line, milliseconds patience) override {
        const bool is_there = access(socket_.c_str(), W_OK) == 0;
        if (std::exchange(was_there_, is_there) != is_there) {
            fallback_.take(
                {"log", spdlog::level::warn,
                 is_there ? "The journal is back: lines go to it" : "There is no journal: lines go to standard error"},
                patience);
        }
        if (is_there) {
            const Answer answer = send(journal_entry(unpack(line)), patience);
            if (answer != Answer::failed) return answer == Answer::taken;
        }
        return fallback_.take(line, patience);
    }

    bool flush(milliseconds patience) override { return fallback_.flush(patience); }
    [[nodiscard]] std::size_t left() const override { return fallback_.left(); }

  private:
    enum class Answer { taken, full, failed };

    Answer send(const std::string& entry, milliseconds patience) {
        for (bool is_new = false;;) {
            if (!journal_) {
                if (std::exchange(is_new, true) || !connect()) return Answer::failed;
            }
            if (::send(journal_.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return Answer::taken;
            if (errno == EINTR) continue;
            if (errno == EMSGSIZE) return Answer::failed;
            if (errno != EAGAIN && errno != ENOBUFS) {
                journal_ = FileDescriptor();  // journald was started anew
            } else if (!takes_more(journal_.get(), patience)) {
                return Answer::full;
            }
        }
    }

    bool connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (socket_.size() >= sizeof address.sun_path) return false;
        socket_.copy(address.sun_path, socket_.size());
        FileDescriptor made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!made || ::connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
        journal_ = std::move(made);
        return true;
    }

    const std::string socket_;
    FileDescriptor journal_;
    bool was_there_ = true;
    StderrOutput fallback_{kPrefixedPattern};
};

}  // namespace

void OutputSink::use(std::unique_ptr<Output> next) {
    const std::scoped_lock lock(next_mutex_);
    next_ = std::move(next);
}

void OutputSink::sink_it_(const spdlog::details::log_msg& line) {
    go_to_next();
    if (!is_stalled_ && output_->take(line, patience_)) return;
    is_stalled_ = true;
    if (waiting_.push(KeptLine(line))) ++lost_;
}

void OutputSink::flush_() {
    go_to_next();
    auto patience = is_stalled_ ? milliseconds(0) : patience_;
    while (!waiting_.empty() && output_->take(waiting_.front().message(), patience)) {
        waiting_.pop_front();
        patience = patience_;  // it goes on
    }
    is_stalled_ = !waiting_.empty() || !output_->flush(patience);
}

void OutputSink::go_to_next() {
    std::unique_ptr<Output> next;
    {
        const std::scoped_lock lock(next_mutex_);
        next = std::move(next_);
    }
    if (!next) return;
    if (!output_->flush(is_stalled_ ? milliseconds(0) : patience_)) lost_ += output_->left();
    output_ = std::move(next);
}

std::unique_ptr<Output> make_journal_output(std::string socket) {
    return std::make_unique<JournalOutput>(std::move(socket));
}

std::unique_ptr<Output> make_output(Target target) {
    if (target == Target::automatic) {
        target = is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO) ? Target::journald : Target::console;
    }
    if (target == Target::journald) return make_journal_output("/run/systemd/journal/socket");
    if (target == Target::json) return std::make_unique<StderrOutput>(kJsonPattern);
    if (isatty(STDERR_FILENO) == 0) return std::make_unique<StderrOutput>(kPrefixedPattern);
    return std::make_unique<StderrOutput>(std::getenv("NO_COLOR") != nullptr ? kPlainPattern : kColouredPattern);
}

bool is_journal_stream(const char* journal_stream, int fd) {
    struct stat status {};
    return journal_stream != nullptr && fstat(fd, &status) == 0 &&
           journal_stream == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

std::size_t write_within(int fd, std::string_view text, milliseconds patience) {
    std::size_t written = 0;
    while (written < text.size() && takes_more(fd, patience)) {
        // A pipe that polls as writable takes PIPE_BUF bytes without blocking, not more.
        const auto part = text.substr(written, PIPE_BUF);
        const ssize_t count = ::write(fd, part.data(), part.size());
        if (count < 0 && errno != EINTR && errno != EAGAIN) break;
        if (count > 0) written += static_cast<std::size_t>(count);
    }
    return written;
}

}  // namespace jiro::log
