// SPDX-License-Identifier: MIT
// JSON from outside is read or refused by name, as another parser sees it, written as it was read, and in a time and a
// memory that the length alone decides: the input is also repeated, bare and inside a message, up to 100 KB.
#include "jiro/base/json.hpp"

#include <time.h>

#include "check.hpp"
#include "commands/exec/exec_result.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/commands/command_message.hpp"

using namespace jiro;
using fuzz::check;

namespace {

constexpr std::size_t kRepeated = 100'000;
constexpr double kMostMilliseconds = 50;

double cpu_milliseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

template <typename Work>
void check_time(Work work, const char* what) {
    const double start = cpu_milliseconds();
    work();
    check(cpu_milliseconds() - start <= kMostMilliseconds, what);
}

std::size_t values_in(const nlohmann::json& value) {
    std::size_t count = 1;
    if (value.is_structured()) {
        for (const auto& item : value) count += values_in(item);
    }
    return count;
}

std::string repeated(std::string_view before, std::string_view unit) {
    std::string text(before);
    while (!unit.empty() && text.size() + unit.size() <= kRepeated) text += unit;
    return text;
}

void check_costs(const std::string& text) {
    check_time(
        [&] {
            const auto value = read_json(text);
            check(!value || values_in(*value) <= JsonLimits().nodes, "a tree has its limit");
        },
        "a tree takes at most 50 ms for 100 KB");
    check_time(
        [&] {
            JsonWriter copy;
            static_cast<void>(read_json(text, kPatientJsonLimits, copy));
        },
        "a copy takes at most 50 ms for 100 KB");
    check_time([&] { static_cast<void>(commands::parse_command_message(text)); },
               "a message takes at most 50 ms for 100 KB");
    commands::ExecCommand command;
    command.result = commands::ExecResultKind::automatic;
    commands::OutputCapture output(kRepeated * 2);
    output.append(text);
    commands::ExecRun run;
    run.status.code = 0;
    check_time([&] { static_cast<void>(exec_result(command, run, output, commands::OutputCapture(1))); },
               "a program's output takes at most 50 ms for 100 KB");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const auto value = read_json(text, kPatientJsonLimits);
    JsonWriter once;
    const auto error = read_json(text, kPatientJsonLimits, once);
    if (value) {
        const auto judge = nlohmann::json::parse(text, nullptr, false);
        check(!judge.is_discarded() && judge == *value, "another parser reads the same");
    } else {
        check(!value.error().message.empty(), "an error says what is wrong");
        const bool is_range = value.error().code == JsonFault::number_out_of_range;
        check(error || is_range, "a tree is refused for what the events are, or for a number");
    }
    if (!error) {
        const auto written = std::move(once).take();
        JsonWriter twice;
        check(!read_json(written, kPatientJsonLimits, twice), "what was written can be read");
        check(std::move(twice).take() == written, "and reads the same");
    }
    if (size > 64) return 0;  // repeating is slow, and short inputs say the same
    for (const char* before :
         {"", "[", "{", R"({"yAxis":"a","data":)", R"({"commandSyncId":"c","command":"x","parameters":{)"}) {
        check_costs(repeated(before, text));
    }
    return 0;
}
