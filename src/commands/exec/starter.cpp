// SPDX-License-Identifier: MIT
#include "commands/exec/starter.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "commands/exec/spawn.hpp"
#include "commands/log.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kMaxStarters = 64;
constexpr auto kSweepPause = std::chrono::milliseconds(10);
constexpr int kSweeps = 200;

class ProgramStart final : public OutsideCall {
  public:
    explicit ProgramStart(StartRequest request) : request_(std::move(request)) {}
    // A program that nobody took.
    ~ProgramStart() override {
        if (outcome_.pidfd) end_group();
    }

    void perform() override {
        make_folder();
        const auto spawned = spawn_program(request_, is_given_up_);
        {
            const std::lock_guard lock(mutex_);
            may_be_reaped_ = true;
        }
        request_.descriptors = {};  // the program has its own
        if (spawned.error != 0) {
            remove_folder();
            outcome_.problem = failure_text(request_.spec.argv.front(), spawned);
        } else {
            outcome_.pid = spawned.pid;
            outcome_.pidfd = FileDescriptor(spawned.pidfd);
        }
    }

    // A process that does not exist yet finds the flag when it begins; one that does is killed, which also frees the
    // starter.
    void given_up() noexcept override {
        is_given_up_ = true;
        const std::lock_guard lock(mutex_);
        const pid_t pid = request_.run->pid();
        if (!may_be_reaped_ && pid > 0) kill(pid, SIGKILL);
    }

    // It has come into being all the same.
    void ended_unwanted() override {
        if (!outcome_.pidfd) return;
        end_group();
        while (waitpid(outcome_.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        for (int i = 0; i < kSweeps && orphans::sweep(*request_.run) > 0; ++i) std::this_thread::sleep_for(kSweepPause);
        remove_folder();
        exec_log.info("A program whose start had been given up came into being after all; it was ended",
                      {{"program", request_.spec.argv.front()}});
        outcome_.pidfd = FileDescriptor();
    }

    // After the end, once.
    [[nodiscard]] StartOutcome take_outcome() { return std::move(outcome_); }

  private:
    // A definition may name a TMPDIR of its own.
    void make_folder() {
        auto& variables = request_.spec.environment;
        const auto is_it = [](const auto& variable) { return variable.first == "TMPDIR"; };
        if (std::ranges::any_of(variables, is_it)) return;
        auto& folder = request_.run->folder;
        folder = RunFolder::make(run_folder_base());
        if (!folder) {
            exec_log.warn("A program has no folder of its own for temporary files", {{"reason", std::strerror(errno)}});
        }
        variables.emplace_back("TMPDIR", folder ? folder->path() : "/tmp");
    }

    void remove_folder() {
        if (const auto folder = std::exchange(request_.run->folder, nullptr)) folder->remove();
    }

    void end_group() const noexcept {
        kill(outcome_.pid, SIGKILL);
        kill(-outcome_.pid, SIGKILL);
    }

    StartRequest request_;
    std::atomic<bool> is_given_up_ = false;
    std::mutex mutex_;
    bool may_be_reaped_ = false;  // its number may belong to another process soon
    StartOutcome outcome_;
};

}  // namespace

Task<StartOutcome> start_program(StartRequest request, Clock& clock, TimePoint deadline) {
    static auto& starters = *new OutsideThreads("starter", kMaxStarters, OutsideThreads::kForever);
    const auto start = std::make_shared<ProgramStart>(std::move(request));
    StartOutcome outcome;
    outcome.end = co_await starters.run(start, clock, deadline);
    if (outcome.end == CallEnd::ended) outcome = start->take_outcome();
    co_return outcome;
}

}  // namespace jiro::commands
