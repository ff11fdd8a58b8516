// SPDX-License-Identifier: MIT
// One command without hub and journal, through the same dispatcher as in the daemon: `jiro-client exec`.

#include <boost/asio/this_coro.hpp>
#include <exception>

#include "jiro/base/race.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

namespace {

class LocalSink final : public ResultSink {
  public:
    bool durable() const noexcept override { return false; }
    Task<AdmissionResult> received(Receipt, Duration, FirstState) override {
        co_return AdmissionResult{Admission::accepted, {}};
    }
    Task<Result<>> started(std::string) override { co_return Result<>(); }
    Task<Result<>> suspended(std::string) override { co_return Error(errc::storage_refused); }
    Task<Result<>> not_again(std::string) override { co_return Result<>(); }
    Task<Result<>> finished(FinishedCommand command) override {
        finished_command = std::move(command);
        co_return Result<>();
    }
    Task<> answer_unstored(FinishedCommand) override { co_return; }
    void send_again() override {}

    FinishedCommand finished_command;
};

Task<> run_one(Dispatcher& dispatcher, CommandMessage message) {
    const auto received = co_await dispatcher.receive(std::move(message));
    co_await received.finished();
    dispatcher.request_stop();
}

}  // namespace

Task<FinishedCommand> run_locally(CommandMessage message, Settings settings,
                                  std::shared_ptr<const CommandRegistry> registry, Clock& clock, RandomSource& random,
                                  asio::thread_pool& workers) {
    settings.instance_id.clear();
    settings.trust = {};  // whoever runs it here could run the program, too
    if (message.command_sync_id.empty()) message.command_sync_id = "local-" + random.uuid();
    LocalSink sink;
    CommandObserver nobody;
    Dispatcher dispatcher(co_await asio::this_coro::executor, clock, random, workers, sink, nobody, std::move(settings),
                          std::move(registry));
    bool cancelled = false;
    try {
        auto both = tasks(dispatcher.run(), run_one(dispatcher, std::move(message)));
        co_await all(std::move(both));
    } catch (const std::exception&) {
        cancelled = true;  // Ctrl-C: the command is still settled
    }
    if (cancelled) {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        dispatcher.request_stop();
        dispatcher.cancel_all(CancelReason::shutting_down);
        for (bool is_over = false; !is_over;) is_over = co_await dispatcher.drain(clock.now() + std::chrono::hours(1));
    }
    co_return std::move(sink.finished_command);
}

}  // namespace jiro::commands
