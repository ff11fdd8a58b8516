// SPDX-License-Identifier: MIT
#include "daemon/cli/doctor/render.hpp"

#include <algorithm>

#include "jiro/base/enum_names.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon::cli {

namespace {

std::string label(Verdict verdict, Colour colour) {
    std::string text(to_string(verdict));
    text.resize(9, ' ');
    if (colour == Colour::off) return text;
    const char* code = verdict == Verdict::ok ? "\033[32m" : verdict == Verdict::warning ? "\033[33m" : "\033[1;31m";
    return code + text + "\033[0m";
}

std::size_t count(std::span<const Finding> findings, Verdict verdict) {
    return static_cast<std::size_t>(std::ranges::count(findings, verdict, &Finding::verdict));
}

std::string counted(std::size_t number, const std::string& what) {
    return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

std::string summary(std::span<const Finding> findings) {
    const auto problems = count(findings, Verdict::problem);
    const auto warnings = count(findings, Verdict::warning);
    if (problems == 0 && warnings == 0) return "All is well.\n";
    if (problems == 0) return "No problem, " + counted(warnings, "warning") + ".\n";
    return counted(problems, "problem") + ", " + counted(warnings, "warning") + ".\n";
}

}  // namespace

std::string about(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
    if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " h";
    return std::to_string(seconds / 86400) + " days";
}

std::string_view to_string(Verdict verdict) {
    return enum_names<Verdict::ok, Verdict::problem>[static_cast<std::size_t>(verdict)];
}

Verdict worst(std::span<const Finding> findings) {
    Verdict verdict = Verdict::ok;
    for (const auto& finding : findings) verdict = std::max(verdict, finding.verdict);
    return verdict;
}

std::string render_text(std::span<const Finding> findings, Colour colour) {
    std::string out;
    std::string section;
    for (const auto& finding : findings) {
        if (finding.section != section) {
            section = finding.section;
            out += (out.empty() ? "" : "\n") + escaped(section) + '\n';
        }
        out += "  " + label(finding.verdict, colour) + escaped(finding.text) + '\n';
        if (!finding.advice.empty()) out += "           -> " + escaped(finding.advice) + '\n';
    }
    return out + (out.empty() ? "" : "\n") + summary(findings);
}

std::string render_json(std::span<const Finding> findings) {
    JsonWriter json(JsonWriter::Layout::indented);
    json.begin_object();
    json.member("result", to_string(worst(findings)));
    json.member("problems", count(findings, Verdict::problem));
    json.member("warnings", count(findings, Verdict::warning));
    json.objects("findings", findings, [&](const Finding& finding) {
        json.member("verdict", to_string(finding.verdict));
        json.member("section", finding.section);
        json.member("check", finding.check);
        json.member("text", finding.text);
        json.member("advice", finding.advice.empty() ? std::nullopt : std::optional(finding.advice));
    });
    json.end_object();
    return std::move(json).take() + '\n';
}

}  // namespace jiro::daemon::cli
