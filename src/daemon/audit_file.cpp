// SPDX-License-Identifier: MIT
#include "daemon/audit_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "daemon/log.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

namespace {

constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::string_view kLostEvents = "{\"lost_events\":";
constexpr std::size_t kMostWriters = 4;  // a disk that hangs for good keeps one

FileDescriptor open_for_append(const std::string& path) {
    return FileDescriptor(
        open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640));
}

}  // namespace

Result<> append_to_file(const std::string& path, std::string_view text, std::uint64_t largest_file) {
    FileDescriptor file = open_for_append(path);
    if (!file) return system_failure("it cannot be opened");
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return system_failure("it cannot be examined");
    if (!S_ISREG(status.st_mode)) return Error(make_error_code(boost::system::errc::invalid_argument), "it is no file");
    if (status.st_size > 0 && static_cast<std::uint64_t>(status.st_size) + text.size() > largest_file) {
        if (rename(path.c_str(), (path + ".1").c_str()) != 0)
            return system_failure("it is full and cannot be moved away");
        return append_to_file(path, text, largest_file);
    }
    if (write_all(file.get(), text)) return {};
    const auto failure = system_failure("it cannot be written");
    // No half line stays. What others appended meanwhile is theirs: then it stays all the same.
    struct stat after {};
    const bool is_ours =
        fstat(file.get(), &after) == 0 && after.st_size - status.st_size <= static_cast<off_t>(text.size());
    if (is_ours && ftruncate(file.get(), status.st_size) != 0) return failure.with_prefix("a part of it was written");
    return failure;
}

void AuditFile::use(std::string path) {
    if (path == path_) return;
    if (path.empty()) give_up();
    path_ = std::move(path);
    has_failed_ = false;
    changed_.notify();
}

void AuditFile::add(std::string line) {
    if (path_.empty()) return;
    if (bytes_ + line.size() > kMostBytes) {
        if (lost_++ == 0) {
            daemon_log.error("The audit file does not keep up: events are lost until it does", {{"file", path_}});
        }
        return;
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    changed_.notify();
}

std::string AuditFile::take_batch() {
    static std::uint64_t latest = 0;
    batch_number_ = ++latest;
    std::string batch;
    if (lost_ > 0) batch = std::string(kLostEvents) + std::to_string(std::exchange(lost_, 0)) + "}\n";
    while (!lines_.empty() && batch.size() < kBatchBytes) {
        batch += lines_.front();
        bytes_ -= lines_.front().size();
        lines_.pop_front();
    }
    return batch;
}

Task<> AuditFile::run() {
    static auto& writers = *new OutsideFunctions<Result<>>("audit", kMostWriters, OutsideThreads::kForever);
    for (;;) {
        while (batch_.empty() && lines_.empty()) co_await changed_.wait();
        if (batch_.empty()) batch_ = take_batch();
        const std::string path = path_;
        const TimePoint begin = clock_.now();
        std::function<Result<>()> write = [append = append_, path, batch = batch_] {
            return append(path, batch, kLargestFile);
        };
        // A write that hangs is joined, not begun again, by whoever has the same batch for the same file.
        auto writing = writers.run(std::to_string(batch_number_) + path, std::move(write), clock_, kHangs);
        const auto written = co_await std::move(writing);
        const bool is_written = written && *written;
        if (!is_written && path != path_) continue;  // another file gets the batch, or nobody
        note(written.value_or(Error(make_error_code(boost::system::errc::timed_out), "its disk does not answer")));
        if (is_written) {
            batch_.clear();
            changed_.notify();
        } else if (clock_.now() - begin < kHangs) {
            co_await clock_.sleep_for(kAgain);
        }
    }
}

void AuditFile::note(const Result<>& written) {
    const bool had_failed = std::exchange(has_failed_, !written);
    if (!written && !had_failed) {
        daemon_log.error("The audit file cannot be written; events wait for it",
                         {{"file", path_}, {"reason", written.error().message}});
    }
    if (written && had_failed) daemon_log.info("The audit file is written again", {{"file", path_}});
}

// A batch that is being written, and has not failed so far, may be in the file by now: twice is better than never.
void AuditFile::give_up() {
    std::string text = std::exchange(batch_, {});
    while (!lines_.empty() || lost_ > 0) text += take_batch();
    std::size_t given = 0;
    std::uint64_t lost = 0;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
        const auto line = rest.substr(0, rest.find('\n'));
        if (line.starts_with(kLostEvents)) {
            lost += parse_number<std::uint64_t>(line.substr(kLostEvents.size(), line.size() - kLostEvents.size() - 1))
                        .value_or(0);
        } else if (given < kMostLeft) {
            on_left_(line);
            ++given;
        } else {
            ++lost;
        }
    }
    if (given > 0) {
        daemon_log.warn("The audit file is given up; the events that waited for it are in the log",
                        {{"file", path_}, {"count", given}});
    }
    if (lost > 0) daemon_log.error("The audit file is given up; events are lost", {{"file", path_}, {"count", lost}});
}

Task<> AuditFile::until_empty() {
    while (!batch_.empty() || !lines_.empty()) co_await changed_.wait();
}

Task<bool> AuditFile::flush(TimePoint deadline) {
    auto emptying = until_empty();
    const bool is_written = co_await with_timeout(clock_, deadline - clock_.now(), std::move(emptying));
    if (!is_written) give_up();
    co_return is_written;
}

}  // namespace jiro::daemon
