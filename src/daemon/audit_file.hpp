// SPDX-License-Identifier: MIT
#pragma once
// Lines appended to a file by a thread of their own: whoever adds one never waits, whatever the disk does. What cannot
// be written waits, up to kMostBytes of it, and is tried again; beyond that lines are lost, which is logged and stands
// in the file itself once that can be written again. A disk that hangs keeps no line from another file that is named
// meanwhile; when it goes on, both have them. The file is opened for each batch, so that logrotate may move it
// away; without it, the file is moved to FILE.1 when it has kLargestFile. Event loop only.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/event.hpp"

namespace jiro::daemon {

// Appends to a regular file, which is made (0640, less what the umask says) when it is missing; no link is followed.
// All of the text or nothing of it. Blocks.
[[nodiscard]] Result<> append_to_file(const std::string& path, std::string_view text, std::uint64_t largest_file);

class AuditFile {
  public:
    static constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
    static constexpr std::uint64_t kLargestFile = 64ULL * 1024 * 1024;  // and as much again in FILE.1
    static constexpr std::chrono::seconds kAgain{1};
    static constexpr std::chrono::seconds kHangs{5};  // said after so long, and another file is looked for

    static constexpr std::size_t kMostLeft = 1000;  // lines; so many find room in the log's queue

    // Gets the lines, without their ends, for which there is no file any more; kMostLeft at a time, the rest is lost.
    using OnLeft = std::function<void(std::string_view line)>;

    // Writes the text to the file of that path, or says why not. On a thread of its own; may hang.
    using Append = std::function<Result<>(const std::string& path, std::string_view text, std::uint64_t largest_file)>;

    AuditFile(const Executor& executor, Clock& clock, OnLeft on_left, Append append = append_to_file)
        : clock_(clock), on_left_(std::move(on_left)), append_(std::move(append)), changed_(executor) {}

    // Where lines go from now on, also those that wait. Empty: nowhere; those that wait are left.
    void use(std::string path);
    void add(std::string line);

    [[nodiscard]] Task<> run();  // until cancelled
    // False: not everything was written by then; that is left. Beside run().
    Task<bool> flush(TimePoint deadline);

  private:
    [[nodiscard]] std::string take_batch();
    [[nodiscard]] Task<> until_empty();
    void note(const Result<>& written);
    void give_up();

    Clock& clock_;
    const OnLeft on_left_;
    const Append append_;
    Event changed_;
    std::string path_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    std::uint64_t lost_ = 0;          // since the last line that was written
    std::string batch_;               // of lines, being written
    std::uint64_t batch_number_ = 0;  // its own in this process
    bool has_failed_ = false;
};

}  // namespace jiro::daemon
