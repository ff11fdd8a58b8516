// SPDX-License-Identifier: MIT
// `load`: CPU and memory use over the last minutes, as a graph. The values come from the daemon's LoadSampler.

#include <cmath>
#include <vector>

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/load_sampler.hpp"

namespace jiro::commands {

namespace {

double rounded(double value) { return std::round(value * 10) / 10; }

std::string percent(double value) { return std::to_string(std::lround(value)) + " %"; }

CommandResult draw_load(const LoadSampler* sampler) {
    if (sampler == nullptr || sampler->samples().empty()) {
        return CommandResult::failed("no sample of this machine's load was taken yet");
    }
    std::vector<std::string> time;
    std::vector<double> cpu;
    std::vector<double> memory;
    for (const auto& sample : sampler->samples()) {
        time.push_back(utc_text(sample.time));
        cpu.push_back(rounded(sample.cpu_percent));
        memory.push_back(rounded(sample.memory_percent));
    }
    const auto& last = sampler->samples().back();
    const auto interval = std::chrono::duration_cast<std::chrono::seconds>(sampler->interval()).count();
    JsonWriter data;
    data.begin_object();
    data.member("time", time);
    data.member("cpu", cpu);
    data.member("memory", memory);
    data.end_object();
    GraphResult graph;
    graph.message = "CPU " + percent(last.cpu_percent) + ", memory " + percent(last.memory_percent);
    graph.graph_data = std::move(data).take();
    graph.note = sampler->samples().size() == 1
                     ? "the first sample: CPU is the mean since the machine started"
                     : "one sample every " + std::to_string(interval) + " s; CPU is the mean between samples";
    graph.x_axis = "time";
    graph.y_axis = "cpu,memory";
    graph.units = {{"time", "UTC"}, {"cpu", "%"}, {"memory", "%"}};
    return CommandResult::graph(std::move(graph));
}

}  // namespace

std::unique_ptr<const CommandHandler> make_load(const BuiltinServices& services) {
    return make_answering(
        {.name = "load", .summary = "Draws CPU and memory use over the last minutes", .usage = "load"},
        [sampler = services.load](const CommandContext&) { return draw_load(sampler); });
}

}  // namespace jiro::commands
