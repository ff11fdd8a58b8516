// SPDX-License-Identifier: MIT
#pragma once
// What a program prints, in a file in memory: whoever holds the descriptor, this process or the next one, reads it from
// the first byte on. The unit's side fills the file from the program's pipe, the daemon follows it. The memory is the
// unit's. Event loop only.

#include <optional>
#include <string>
#include <string_view>

#include "commands/exec/output_capture.hpp"
#include "commands/exec/running_program.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/secret_mask.hpp"

namespace jiro::commands {

// Empty, for a program's output; or with what a program is to read. errc::spawn_failed.
[[nodiscard]] Result<FileDescriptor> make_output_file(const std::string& program);
[[nodiscard]] Result<FileDescriptor> make_input_file(std::string_view content, const std::string& program);

[[nodiscard]] bool is_output_file(const FileDescriptor& descriptor);

// All of a file in memory, `limit` bytes at most.
[[nodiscard]] std::string content_of(const FileDescriptor& file, std::size_t limit);

// Until the pipe's end. Of more than that the first `limit` bytes and the last are kept, and what lies between becomes
// a hole. What finds no room is not kept.
[[nodiscard]] Task<> fill(ProgramStreams::Descriptor& pipe, const FileDescriptor& file, std::size_t limit);

// Reads what others write into such a file; a hole is bytes that nobody has. Nothing that it holds is believed: it may
// shrink, or be of any size. No call is made that waits for whoever writes.
class OutputFollower {
  public:
    OutputFollower(const Executor& executor, FileDescriptor file, OutputCapture& capture,
                   std::optional<SecretMask> mask)
        : file_(std::move(file)), capture_(capture), mask_(std::move(mask)), stop_(executor) {}

    // Until stop() was called and what was in the file then is read.
    [[nodiscard]] Task<> run(Clock& clock);
    void stop();

  private:
    [[nodiscard]] bool read_some(std::string& buffer);
    void skip_hole();

    FileDescriptor file_;
    OutputCapture& capture_;
    std::optional<SecretMask> mask_;
    std::int64_t position_ = 0;
    std::int64_t end_ = 0;  // of the file, when it was looked at last
    bool is_stopping_ = false;
    Event stop_;
};

}  // namespace jiro::commands
