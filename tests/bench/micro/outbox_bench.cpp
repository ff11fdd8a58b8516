// SPDX-License-Identifier: MIT
// What the outbox costs: receipt with start, outcome, delivered, for one command at a time and for sixteen together.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "jiro/delivery/sqlite_outbox.hpp"
#include "support/temp_dir.hpp"
#include "support/tmpfs_dir.hpp"

namespace {

using namespace jiro;
using namespace jiro::delivery;

Task<> one_command(Outbox& outbox, const Clock& clock, std::uint64_t number, std::uint64_t& ended) {
    const std::string id = "cmd-" + std::to_string(number);
    Receipt receipt{.id = id,
                    .fingerprint = {},
                    .payload = std::string(250, 'p'),
                    .received_at = clock.wall_now(),
                    .run_before = clock.wall_now() + std::chrono::minutes(1),
                    .idempotent = true};
    const auto admitted = co_await outbox.received(std::move(receipt), FirstState::running);
    if (admitted.admission != Admission::accepted) throw std::runtime_error("the outbox did not take a command");
    auto message = std::make_shared<const std::string>(250, 'm');
    const auto finished = co_await outbox.finished(id, Outcome::succeeded, std::move(message), Lease::yes);
    if (!finished) throw std::runtime_error(finished.error().message);
    outbox.delivered(id);
    ++ended;
}

void run(benchmark::State& state, Outbox& outbox) {
    const SystemClock clock;
    boost::asio::io_context context(1);
    std::uint64_t number = 0;
    std::uint64_t ended = 0;
    for (auto _ : state) {
        for (int i = 0; i < state.range(0); ++i) {
            boost::asio::co_spawn(context, one_command(outbox, clock, ++number, ended),
                                  [](const std::exception_ptr& e) {
                                      if (e) std::rethrow_exception(e);
                                  });
        }
        context.restart();
        while (ended < number) context.run_one();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(ended));
}

void run_on_disk(benchmark::State& state, Durability durability, const std::filesystem::path& redo_log) {
    static const SystemClock clock;
    const test::TempDir directory;
    OutboxSettings settings;
    settings.path = directory.path() / "outbox.db";
    settings.durability = durability;
    settings.redo_log = redo_log;
    const auto outbox = open_sqlite_outbox(clock, settings).value();
    run(state, *outbox);
}

// Without a pause: what the log is ahead of the database is soon used up, and then the database sets the pace.
void outbox_with_redo_log(benchmark::State& state) {
    const test::TmpfsDir directory;
    if (!directory.exists()) return state.SkipWithError("no tmpfs to write to");
    run_on_disk(state, Durability::process, directory.path() / "redo.log");
}
BENCHMARK(outbox_with_redo_log)->Arg(1)->Arg(16)->UseRealTime();

void outbox_on_disk(benchmark::State& state, Durability durability) { run_on_disk(state, durability, {}); }
BENCHMARK_CAPTURE(outbox_on_disk, process, Durability::process)->Arg(1)->Arg(16)->UseRealTime();
BENCHMARK_CAPTURE(outbox_on_disk, power, Durability::power)->Arg(1)->Arg(16)->UseRealTime();

void outbox_in_memory(benchmark::State& state) {
    static const SystemClock clock;
    OutboxSettings settings;
    settings.path = kInMemory;
    const auto outbox = open_sqlite_outbox(clock, settings).value();
    run(state, *outbox);
}
BENCHMARK(outbox_in_memory)->Arg(1)->Arg(16)->UseRealTime();

}  // namespace
