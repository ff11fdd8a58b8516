// SPDX-License-Identifier: MIT
#include "commands/exec/running_program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "jiro/base/environment.hpp"
#include "jiro/base/null_device.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

// 0, 1 and 2 are about to be replaced in the child: keep clear of them.
FileDescriptor off_standard_streams(int number) {
    FileDescriptor given(number);
    if (number < 0 || number > 2) return given;
    return FileDescriptor(fcntl(number, F_DUPFD_CLOEXEC, 3));
}

struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};

// Only the end that stays here does not block. A program of another user may open its own end anew, as /dev/stderr.
bool make_pipe(Pipe& result, bool we_read) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    result.read = off_standard_streams(ends[0]);
    result.write = off_standard_streams(ends[1]);
    const int ours = we_read ? result.read.get() : result.write.get();
    return ours >= 0 && fcntl(ours, F_SETFL, O_NONBLOCK) == 0 && fchmod(ours, 0666) == 0;
}

}  // namespace

std::string own_user() {
    static const std::string user = [] {
        auto name = variable_in(process_environment(), "USER");
        return name.empty() ? std::to_string(geteuid()) : name;
    }();
    return user;
}

Error spawn_error(const std::string& program, const std::string& problem) {
    return Error(errc::spawn_failed, "cannot start " + program + ": " + problem);
}

Error start_not_begun(const std::string& program, const std::string& why) {
    return Error(errc::start_too_slow, "the start of " + program + " had not begun by then: " + why);
}

Error start_not_done(const std::string& program) {
    return Error(errc::start_too_slow, "the start of " + program +
                                           " was not done by then; if it hangs, its file, its interpreter or its "
                                           "working directory is on a mount that does not answer, or held by a "
                                           "scanner");
}

Result<ProgramStreams> ProgramStreams::make(const Executor& executor, bool with_input, const std::string& program) {
    Pipe output;
    Pipe error_output;
    Pipe input;
    if (!make_pipe(output, true) || !make_pipe(error_output, true) || (with_input && !make_pipe(input, false))) {
        return spawn_error(program, std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    if (!with_input) {
        auto nothing = open_null_device();
        if (!nothing) return spawn_error(program, nothing.error().message);
        input.read = off_standard_streams(nothing->release());
    }
    ProgramStreams streams{Descriptor(executor),
                           Descriptor(executor),
                           Descriptor(executor),
                           {std::move(input.read), std::move(output.write), std::move(error_output.write)}};
    streams.output.assign(output.read.release());
    streams.error_output.assign(error_output.read.release());
    if (with_input) streams.input.assign(input.write.release());
    return streams;
}

}  // namespace jiro::commands
