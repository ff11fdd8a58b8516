#include "commands/exec/child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>

#include "commands/exec/orphans.hpp"
#include "commands/exec/spawn.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

class FileDescriptor {
  public:
    explicit FileDescriptor(int number = -1) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor() {
        if (number_ >= 0) close(number_);
    }

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    // 0, 1 and 2 are about to be replaced in the child: keep clear of them.
    void move_above_standard() {
        if (number_ < 0 || number_ > 2) return;
        const int moved = fcntl(number_, F_DUPFD_CLOEXEC, 3);
        close(number_);
        number_ = moved;
    }

  private:
    int number_;
};

struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};

// Only the end that stays here does not block.
bool make_pipe(Pipe& result, bool we_read) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    result.read = FileDescriptor(ends[0]);
    result.write = FileDescriptor(ends[1]);
    result.read.move_above_standard();
    result.write.move_above_standard();
    const int ours = we_read ? result.read.get() : result.write.get();
    return ours >= 0 && fcntl(ours, F_SETFL, O_NONBLOCK) == 0;
}

Error spawn_error(const std::string& program, const char* step, int error) {
    std::string reason = std::strerror(error);
    struct stat status {};
    const bool exists = stat(program.c_str(), &status) == 0;
    if (error == ENOENT && exists && std::strcmp(step, "cannot execute it") == 0)
        reason = "the interpreter that it names is missing";
    if (error == EACCES && exists && S_ISDIR(status.st_mode)) reason = "it is a directory";
    if (error == ENOEXEC) reason = "it is no program, and has no #! line that names an interpreter";
    if (error == E2BIG) reason = "its arguments are too long for the system";
    return Error(errc::spawn_failed, "cannot start " + program + ": " + step + ": " + reason);
}

}  // namespace

ChildProcess::ChildProcess(const boost::asio::any_io_executor& executor, pid_t pid, int pidfd, std::string mark)
    : pid_(pid),
      mark_(std::move(mark)),
      exit_(executor, pidfd),
      input_(executor),
      output_(executor),
      error_output_(executor) {
    orphans::add_child(pid_, mark_);
}

ChildProcess::~ChildProcess() {
    orphans::remove_child(pid_);
    if (!reaped_) signal_group(SIGKILL);
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(const boost::asio::any_io_executor& executor,
                                                          const ChildSpec& spec) {
    const std::string& program = spec.argv.front();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    Pipe output;
    Pipe error_output;
    Pipe input;
    if (!make_pipe(output, true) || !make_pipe(error_output, true) || (spec.with_input && !make_pipe(input, false))) {
        return spawn_error(program, "cannot make a pipe", errno);
    }
    if (!spec.with_input) {
        input.read = FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
        input.read.move_above_standard();
    }

    const std::string mark = orphans::new_mark();
    ChildSpec marked = spec;
    marked.environment.insert(marked.environment.begin(), {"JIRO_RUN", mark});  // first: found without reading it all
    const auto spawned = spawn_program(marked, input.read.get(), output.write.get(), error_output.write.get());
    if (spawned.error != 0) return spawn_error(program, spawned.step, spawned.error);

    std::unique_ptr<ChildProcess> child(new ChildProcess(executor, spawned.pid, spawned.pidfd, mark));
    child->output_.assign(output.read.release());
    child->error_output_.assign(error_output.read.release());
    if (spec.with_input) child->input_.assign(input.write.release());
    return child;
}

Task<ExitStatus> ChildProcess::wait() {
    ExitStatus status;
    while (!reaped_) {
        siginfo_t info{};
        // WNOHANG: the pidfd says when there is something to fetch; nothing here may block.
        const int answer = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
        if (answer != 0 && errno != EINTR) {
            reaped_ = true;  // fetched by somebody else: its status is lost
            break;
        }
        if (answer == 0 && info.si_pid == pid_) {
            reaped_ = true;
            (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
            break;
        }
        co_await exit_.async_wait(Descriptor::wait_read, boost::asio::use_awaitable);
    }
    co_return status;
}

void ChildProcess::signal_group(int signal) const noexcept {
    // Before it is reaped the number cannot belong to another process, and its group has the same number.
    if (!reaped_) kill(pid_, signal);
    kill(-pid_, signal);
}

int ChildProcess::sweep() const { return orphans::sweep(mark_, pid_); }

}  // namespace jiro::commands
