// SPDX-License-Identifier: MIT
// Runs of /bin/true per second: as an exec command through the dispatcher, beside a bare posix_spawn loop.
#include <spawn.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "jiro/base/log.hpp"
#include "jiro/commands/dispatcher.hpp"

using namespace jiro;
using namespace jiro::commands;

namespace {

class Sink final : public ResultSink {
  public:
    bool durable() const noexcept override { return false; }
    Task<AdmissionResult> received(Receipt, Duration, FirstState) override {
        co_return AdmissionResult{Admission::accepted, {}};
    }
    Task<Result<>> started(std::string) override { co_return Result<>(); }
    Task<Result<>> suspended(std::string) override { co_return Result<>(); }
    Task<Result<>> not_again(std::string) override { co_return Result<>(); }
    Task<Result<>> finished(FinishedCommand command) override {
        if (!command.result.is_success()) std::printf("failed: %s\n", command.result.message().c_str());
        co_return Result<>();
    }
    Task<> answer_unstored(FinishedCommand) override { co_return; }
    void send_again() override {}
};

class Observer final : public CommandObserver {
  public:
    void finished(const FinishedEvent&) override { ++done; }
    int done = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
    log::configure({.level = log::Level::warn});  // two lines a command would be measured too
    const int runs = argc > 1 ? std::atoi(argv[1]) : 2000;

    auto start = std::chrono::steady_clock::now();
    char program[] = "/bin/true";
    char* arguments[] = {program, nullptr};
    char* environment[] = {nullptr};
    for (int i = 0; i < runs; ++i) {
        pid_t pid = 0;
        if (posix_spawn(&pid, program, nullptr, nullptr, arguments, environment) != 0) return 1;
        waitpid(pid, nullptr, 0);
    }
    std::printf("posix_spawn, one after the other: %.0f/s\n", runs / seconds_since(start));

    for (const int parallel : {1, 16}) {
        boost::asio::io_context context(1);
        boost::asio::thread_pool workers(1);
        SystemClock clock;
        SystemRandom random;
        Sink sink;
        Observer observer;
        Settings settings;
        settings.max_concurrent = parallel;
        settings.max_queued = runs;
        ExecCommand command;
        command.name = "true";
        command.program = {program};
        settings.exec = {command};
        Dispatcher dispatcher(context.get_executor(), clock, random, workers, sink, observer, settings,
                              make_registry(settings, {}).value());
        start = std::chrono::steady_clock::now();
        for (int i = 0; i < runs; ++i) {
            CommandMessage message;
            message.command = "true";
            message.command_sync_id = std::to_string(i);
            boost::asio::co_spawn(context, dispatcher.receive(std::move(message)), boost::asio::detached);
        }
        boost::asio::co_spawn(context, dispatcher.run(), boost::asio::detached);
        while (observer.done < runs) context.run_one();
        std::printf("exec command, %d at a time: %.0f/s\n", parallel, runs / seconds_since(start));
        dispatcher.request_stop();
        context.run();
    }
    log::shutdown();
}
