// SPDX-License-Identifier: MIT
// From bytes to a command and back: the parsers and writers of every command's way.
#include <benchmark/benchmark.h>

#include <nlohmann/json.hpp>
#include <string>

#include "jiro/commands/command_message.hpp"
#include "jiro/delivery/client_message.hpp"
#include "signalr/protocol/json_codec.hpp"
#include "signalr/protocol/record_splitter.hpp"

namespace {

using namespace jiro;

std::string message(std::size_t bytes) {
    return R"({"instanceId":"user-123","command":"echo )" + std::string(bytes, 'x') +
           R"(","commandSyncId":"cmd-456-789","sessionId":"session-abc","parameters":{"key1":"value1","key2":"value2"}})";
}

std::string record(std::size_t bytes) {
    return R"({"type":1,"target":"ReceiveCommand","arguments":[)" + message(bytes) + "]}";
}

// Sixteen records that come in chunks of 1,400 bytes: some lie whole in one, some do not.
void record_splitter(benchmark::State& state) {
    std::string stream;
    for (int i = 0; i < 16; ++i) stream += record(100) + signalr::kRecordSeparator;
    for (auto _ : state) {
        signalr::RecordSplitter splitter(1 << 20);
        for (std::size_t at = 0; at < stream.size(); at += 1400) {
            splitter.feed(std::string_view(stream).substr(at, 1400));
            while (auto found = splitter.next()) benchmark::DoNotOptimize(found);
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
    state.SetItemsProcessed(state.iterations() * 16);
}
BENCHMARK(record_splitter);

void parse_record(benchmark::State& state) {
    const auto text = record(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(signalr::parse_record(text));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(parse_record)->Arg(100)->Arg(4096)->Arg(262144);

void write_completion(benchmark::State& state) {
    signalr::CompletionMessage completion;
    completion.invocation_id = "17";
    completion.result = nlohmann::json{
        {"isSuccess", true}, {"message", "hello"}, {"errors", nlohmann::json::array()}, {"requestId", "cmd-456-789"}};
    const signalr::HubMessage hub_message(completion);
    std::string out;
    for (auto _ : state) {
        out.clear();
        benchmark::DoNotOptimize(signalr::append_record(out, hub_message));
    }
}
BENCHMARK(write_completion);

void parse_command(benchmark::State& state) {
    const auto text = message(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(commands::parse_command_message(text));
}
BENCHMARK(parse_command)->Arg(100)->Arg(262144);

void fingerprint_command(benchmark::State& state) {
    const auto parsed = commands::parse_command_message(message(100));
    for (auto _ : state) benchmark::DoNotOptimize(commands::fingerprint(parsed.message));
}
BENCHMARK(fingerprint_command);

void journal_copy_of_command(benchmark::State& state) {
    const auto parsed = commands::parse_command_message(message(static_cast<std::size_t>(state.range(0))));
    for (auto _ : state) benchmark::DoNotOptimize(commands::to_json(parsed.message));
}
BENCHMARK(journal_copy_of_command)->Arg(100)->Arg(262144);

void serialise_outcome(benchmark::State& state) {
    const FinishedCommand command{
        .message = {.instance_id = {},
                    .command = {},
                    .command_sync_id = "cmd-456-789",
                    .session_id = "session-abc",
                    .parameters = {{"key1", "value1"}, {"key2", "value2"}}},
        .command_name = "echo",
        .result = CommandResult::text(std::string(static_cast<std::size_t>(state.range(0)), 'x'))};
    for (auto _ : state) benchmark::DoNotOptimize(delivery::serialise(command));
}
BENCHMARK(serialise_outcome)->Arg(100)->Arg(262144);

}  // namespace
