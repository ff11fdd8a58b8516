// SPDX-License-Identifier: MIT
// `running`, `output` and `cancel`: what the daemon runs, what it has printed, and its end.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <thread>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kFollowInterval = 500ms;

// The answer is not trusted to be ours: a member of another type is as if it were missing.
std::uint64_t number_in(const json& object, const char* member) {
    return member_as<std::uint64_t>(object, member).value_or(0);
}

std::string age_in(const json& object) {
    const double seconds = member_as<double>(object, "ageSeconds").value_or(0);
    return for_people(std::chrono::seconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9))));
}

void print_row(const std::string& id, const std::string& name, const std::string& age, const std::string& user,
               const std::string& bytes) {
    std::cout << std::left << std::setw(38) << escaped(id) << ' ' << std::setw(16) << escaped(name) << ' '
              << std::setw(13) << age << ' ' << std::setw(10) << escaped(user) << ' ' << bytes << '\n';
}

std::string output_target(const OutputOptions& options, std::uint64_t from) {
    return "/output?id=" + percent_encode(options.id) + "&from=" + std::to_string(from);
}

void print_part(const json& part, std::uint64_t asked_from) {
    const auto from = number_in(part, "from");
    if (from > asked_from) std::cerr << "[bytes " << asked_from << " to " << from << " were not kept]\n";
    std::cout << escaped_lines(text_member(part, "text")) << std::flush;
}

void print_end(const json& part) {
    const auto outcome = text_member(part, "outcome");
    if (number_in(part, "errorBytes") > 0) {
        std::cerr << "[the end of " << number_in(part, "errorBytes") << " bytes on standard error]\n"
                  << escaped_lines(text_member(part, "errorText"));
        if (!text_member(part, "errorText").ends_with('\n')) std::cerr << '\n';
    }
    std::cerr << "[bytes " << number_in(part, "from") << " to " << number_in(part, "next") << " of "
              << number_in(part, "total") << "; "
              << (outcome.empty() ? "runs since " + age_in(part) : "has ended: " + escaped(outcome)) << "]\n";
}

}  // namespace

int running(const std::string& config_file, Form form) {
    const auto answer = ask_daemon_or_report(config_file, Method::get, "/running");
    if (!answer) return ExitCode::failed;
    if (form == Form::json) return print_json(*answer);
    const auto runs = list_member(*answer, "running");
    if (!runs.empty()) print_row("ID", "COMMAND", "AGE", "USER", "BYTES");
    for (const auto& run : runs) {
        if (!run.is_object()) continue;
        const auto user = text_member(run, "user");
        print_row(text_member(run, "id"), text_member(run, "name"), age_in(run), user.empty() ? "-" : user,
                  std::to_string(number_in(run, "outputBytes")));
    }
    if (runs.empty()) std::cout << "Nothing runs\n";
    if (const auto waiting = number_in(*answer, "waiting"); waiting > 0) {
        std::cout << waiting << " wait for their turn\n";
    }
    return ExitCode::good;
}

int output(const std::string& config_file, const OutputOptions& options) {
    for (std::uint64_t from = options.from;;) {
        const auto part = ask_daemon_or_report(config_file, Method::get, output_target(options, from));
        if (!part) return ExitCode::failed;
        print_part(*part, from);
        const auto next = number_in(*part, "next");
        // Half a character is held back until its other half comes: a part that brings nothing is the end for now.
        const bool is_all = next >= number_in(*part, "total") || next <= from;
        const bool has_ended = !text_member(*part, "outcome").empty();
        if (is_all && (has_ended || !options.follow)) {
            print_end(*part);
            return ExitCode::good;
        }
        if (is_all) std::this_thread::sleep_for(kFollowInterval);
        from = next;
    }
}

int cancel(const std::string& config_file, const std::string& id) {
    const auto answer = ask_daemon_or_report(config_file, Method::post, "/cancel?id=" + percent_encode(id));
    if (!answer) return ExitCode::failed;
    std::cout << "Cancelled; its result says how it ended\n";
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
