// SPDX-License-Identifier: MIT
// A redo log with foreign bytes in it, from the place that the input's first two bytes name: it is opened, or set aside
// for a new one, or refused with an error; never read outside of its file. What is appended then is there after the
// next opening.
#include "delivery/redo/redo_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "../support/tmpfs_dir.hpp"
#include "check.hpp"

namespace {

using jiro::delivery::RedoLog;
using jiro::fuzz::check;

constexpr std::size_t kBytes = 4096;  // of records, behind as many of header
constexpr std::string_view kOutbox = "/state/outbox.db";
constexpr std::string_view kLast = "the last one";

std::size_t count(const RedoLog& log, std::string& last) {
    std::size_t records = 0;
    for (auto at = log.start(); at < log.end();) {
        const auto record = log.read(at);
        if (!record) continue;
        ++records;
        const auto* started = std::get_if<jiro::delivery::StartedChange>(&*record);
        last = started != nullptr ? started->id : "";
    }
    return records;
}

void overwrite(const std::filesystem::path& path, std::size_t place, std::string_view bytes) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    check(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(place)) == static_cast<ssize_t>(bytes.size()),
          "the file can be written");
    close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const jiro::test::TmpfsDir folder;
    if (!folder.exists() || size < 2) return 0;
    const auto path = folder.path() / "redo.log";
    std::filesystem::remove(path);
    {
        auto log = RedoLog::open(path, kOutbox, 0, kBytes);
        check(log.has_value(), "a new log can be made");
        for (const char* id : {"a", "b", "c"})
            check((*log)->append(jiro::delivery::StartedChange{id}), "there is room");
    }
    const std::size_t place = (data[0] + data[1] * std::size_t{256}) % (2 * kBytes);
    overwrite(path, place, jiro::fuzz::text_of(data + 2, size - 2));
    std::size_t before = 0;
    std::string last;
    bool appended = false;
    {
        auto log = RedoLog::open(path, kOutbox, 0, kBytes);
        if (!log) return 0;
        before = count(**log, last);
        appended = (*log)->append(jiro::delivery::StartedChange{kLast});
    }
    auto log = RedoLog::open(path, kOutbox, 0, kBytes);
    check(log.has_value(), "what was open can be opened again");
    check(count(**log, last) == before + (appended ? 1 : 0), "no record is lost and none is made up");
    check(!appended || last == kLast, "the last one appended is the last one read");
    return 0;
}
