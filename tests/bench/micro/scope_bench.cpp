// SPDX-License-Identifier: MIT
// One command through the dispatcher, from receipt to completion, with a journal that costs nothing.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "jiro/base/log.hpp"
#include "jiro/commands/dispatcher.hpp"

namespace {

using namespace jiro;
using namespace jiro::commands;

class NoJournal final : public ResultSink {
  public:
    bool durable() const noexcept override { return false; }
    Task<AdmissionResult> received(Receipt, Duration, FirstState) override {
        co_return AdmissionResult{Admission::accepted, {}};
    }
    Task<Result<>> started(std::string) override { co_return Result<>(); }
    Task<Result<>> suspended(std::string) override { co_return Result<>(); }
    Task<Result<>> not_again(std::string) override { co_return Result<>(); }
    Task<Result<>> finished(FinishedCommand) override { co_return Result<>(); }
    Task<> answer_unstored(FinishedCommand) override { co_return; }
    void send_again() override {}
};

Task<> run_one(Dispatcher& dispatcher, std::uint64_t number, bool& has_ended) {
    CommandMessage message{.instance_id = "user-123",
                           .command = "echo hello",
                           .command_sync_id = "cmd-" + std::to_string(number),
                           .session_id = "session-abc",
                           .parameters = {{"key1", "value1"}, {"key2", "value2"}}};
    const auto received = co_await dispatcher.receive(std::move(message));
    const auto completion = co_await received.finished();
    benchmark::DoNotOptimize(completion);
    has_ended = true;
}

void command_scope(benchmark::State& state) {
    log::configure({.level = log::Level::error});
    boost::asio::io_context context(1);
    boost::asio::thread_pool workers(1);
    SystemClock clock;
    SystemRandom random;
    NoJournal journal;
    CommandObserver nobody;
    commands::Settings settings;
    Dispatcher dispatcher(context.get_executor(), clock, random, workers, journal, nobody, settings,
                          make_registry(settings, {}).value());
    boost::asio::co_spawn(context, dispatcher.run(), boost::asio::detached);
    std::uint64_t number = 0;
    for (auto _ : state) {
        bool has_ended = false;
        boost::asio::co_spawn(context, run_one(dispatcher, ++number, has_ended), boost::asio::detached);
        while (!has_ended) context.run_one();
    }
    dispatcher.request_stop();
    context.run();
    log::shutdown();
}
BENCHMARK(command_scope);

}  // namespace
