// SPDX-License-Identifier: MIT
#include "commands/exec/redaction.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

#include "jiro/base/file.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/secret_mask.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

using Values = std::vector<std::string>;

constexpr std::size_t kMostRedacted = 64;            // entries
constexpr std::size_t kLargestRedactedFile = 65536;  // bytes
constexpr std::size_t kMaxRedactionReaders = 4;
constexpr const char* kTooShort = "has fewer than 6 characters: to mask it would tear up ordinary words";
static_assert(SecretMask::kMinLength == 6);

bool is_file(const std::string& entry) { return entry.starts_with('/'); }

const std::string* variable_named(const ExecCommand& command, const std::string& name) {
    const auto found =
        std::ranges::find(command.environment, name, [](const auto& variable) { return variable.first; });
    return found == command.environment.end() ? nullptr : &found->second;
}

// Blocks.
Result<Values> read_redacted_files(const std::vector<std::string>& files) {
    Values all;
    for (const auto& file : files) {
        const auto content = read_small_file(file, kLargestRedactedFile);
        if (!content) return Error(errc::not_redacted, file + " (Redact) " + content.error().message);
        auto values = values_in(content->text);
        if (values.empty()) return Error(errc::not_redacted, file + " (Redact) " + kTooShort);
        std::ranges::move(values, std::back_inserter(all));
    }
    return all;
}

}  // namespace

Values values_in(std::string_view text) {
    Values values;
    for (text = trimmed(text); !text.empty();) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = trimmed(text.substr(0, end));
        if (line.size() >= SecretMask::kMinLength) values.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return values;
}

void check_redaction(const ExecCommand& command, std::vector<std::string>& problems) {
    if (command.redact.size() > kMostRedacted) {
        problems.push_back("Redact: has more than " + std::to_string(kMostRedacted) + " entries");
    }
    for (std::size_t i = 0; i < command.redact.size(); ++i) {
        const std::string& entry = command.redact[i];
        if (is_file(entry) || entry.starts_with('$')) continue;  // a folder of systemd's that is not set here
        const auto* const value = variable_named(command, entry);
        if (value == nullptr) {  // not shown: it could be a secret that was taken for what belongs here
            problems.push_back("Redact: entry " + std::to_string(i + 1) +
                               " is neither the name of a variable of Environment nor an absolute path");
        } else if (values_in(*value).empty()) {
            problems.push_back("Redact: the value of '" + entry + "' " + kTooShort);
        }
    }
}

Task<Result<Values>> values_to_redact(const ExecCommand& command, Clock& clock, TimePoint deadline) {
    static auto& readers = *new OutsideFunctions<Result<Values>>("redaction", kMaxRedactionReaders);
    Values values;
    std::vector<std::string> files;
    std::string key;
    for (const auto& entry : command.redact) {
        const auto* const value = variable_named(command, entry);
        if (value != nullptr) {
            std::ranges::move(values_in(*value), std::back_inserter(values));
            continue;
        }
        files.push_back(entry);
        key += entry + '\n';
    }
    if (files.empty()) co_return values;
    std::function<Result<Values>()> read = [files] { return read_redacted_files(files); };
    auto reading = readers.run(key, std::move(read), clock, deadline - clock.now());
    auto of_files = co_await std::move(reading);
    if (!of_files)
        co_return Error(errc::start_too_slow, "a file of Redact does not answer; is it on a mount that hangs?");
    if (!*of_files) co_return of_files->error();
    std::ranges::move(**of_files, std::back_inserter(values));
    co_return values;
}

}  // namespace jiro::commands
