// SPDX-License-Identifier: MIT
// `bundle`: what somebody who helps wants to see, in one archive. Each part is what another program prints, most of
// them this one; a part that cannot be had is named in summary.txt, and the archive is made without it. Every text
// passes the scrubber once more, with the secrets of the configuration known to it.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/replace.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "daemon/cli/interruptible.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/hub_overlay.hpp"
#include "daemon/process_hardening.hpp"
#include "daemon/version.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/random.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/config/credentials.hpp"

namespace jiro::daemon::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr const char* kOwnFile = "/proc/self/exe";
constexpr std::size_t kPartLimit = 4 * 1024 * 1024;
constexpr std::size_t kArchiveLimit = 32 * 1024 * 1024;
constexpr std::size_t kFactsLimit = 8 * 1024 * 1024;

// Runs programs as Commands.Exec does: bounded in time and output, ended with all that they started.
class Programs {
  public:
    explicit Programs(std::string config_file) : config_file_(std::move(config_file)) {}

    // What it prints; or why there is nothing. Exit codes other than 0 that are good, too: `successes`.
    Result<std::string> run(const Words& words, std::vector<int> successes = {},
                            std::chrono::milliseconds limit = 30s) {
        if (interruptible_.signal() != 0) return interrupted();
        jiro::commands::ExecCommand program;
        program.name = "part";
        for (const auto& word : words) program.program.push_back(literal(word));
        program.timeout = limit;
        program.result = jiro::commands::ExecResultKind::text;
        program.max_output_bytes = kPartLimit;
        program.success_exit_codes = std::move(successes);
        program.success_exit_codes.push_back(0);
        for (const auto& [name, value] : process_environment()) {
            const bool may_be_given = is_plain(name) && !jiro::commands::is_program_variable(name);
            if (may_be_given) program.environment.emplace_back(name, value);
        }
        jiro::commands::Settings settings;
        settings.run_as = jiro::commands::RunAs::daemon;
        settings.max_result_bytes = 2 * kPartLimit;
        settings.exec = {std::move(program)};
        const auto registry = jiro::commands::make_registry(settings, {});
        if (!registry) return registry.error();
        CommandMessage message;
        message.command = "part";
        auto running = jiro::commands::run_locally(std::move(message), settings, *registry, clock_, random_, workers_);
        const auto finished = interruptible_.run(std::move(running));
        if (interruptible_.signal() != 0) return interrupted();
        const auto& text = finished.result.message();
        if (finished.result.is_success()) return text;
        return Error(make_error_code(boost::system::errc::io_error), words.front() + ": " + text);
    }

    // The same of a subcommand of this program.
    Result<std::string> run_own(Words words, std::vector<int> successes = {}, std::chrono::milliseconds limit = 30s) {
        words.insert(words.begin(), kOwnFile);
        words.insert(words.end(), {"--config", config_file_});
        return run(words, std::move(successes), limit);
    }

    [[nodiscard]] const Interruptible& interruptible() const noexcept { return interruptible_; }

  private:
    static Error interrupted() { return Error(make_error_code(boost::system::errc::interrupted), "a signal ended it"); }
    // In a definition braces stand for parameters.
    static std::string literal(std::string word) {
        boost::algorithm::replace_all(word, "{", "{{");
        boost::algorithm::replace_all(word, "}", "}}");
        return word;
    }
    static bool is_plain(std::string_view name) {
        return !name.empty() &&
               std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
    }

    const std::string config_file_;
    SystemClock clock_;
    SystemRandom random_;
    boost::asio::io_context context_{1};
    boost::asio::thread_pool workers_{1};
    Interruptible interruptible_{context_};
};

// Any of these may hold a token.
std::string without_values(const std::string& properties) {
    std::string out;
    std::istringstream lines(properties);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = line.find('=');
        const bool is_hidden = line.starts_with("Environment=") || line.starts_with("SetCredential");
        out += is_hidden && equals + 1 < line.size() ? line.substr(0, equals) + "=***" : line;
        out += '\n';
    }
    return out;
}

std::string versions() {
    utsname kernel{};
    uname(&kernel);
    const auto system = read_small_file("/etc/os-release", 64 * 1024);
    return std::string("jiro-client ") + kVersion + "\nkernel " + kernel.release + ' ' + kernel.machine + "\nhost " +
           kernel.nodename + "\nmade " + utc_text(std::chrono::system_clock::now()) + "\n\n" +
           (system ? system->text : "");
}

// The configuration's secrets, so that the scrubber knows them; also where the configuration has mistakes.
void learn_secrets(const std::string& config_file) {
    auto environment = process_environment();
    adopt_credentials_directory(environment, config_file);
    const auto loaded = load_with_overlay(config_file, environment);
    if (!loaded) return;
    static_cast<void>(config::read_credentials(loaded.config->credentials, environment));
    static_cast<void>(config::read_credentials(loaded.config->chat_credentials, environment));
}

// Writes what it is given with its texts scrubbed.
class ScrubbedJson final : public JsonHandler {
  public:
    void begin_object() override { writer_.begin_object(); }
    void key(std::string_view name) override { writer_.key(log::scrubbed(name_ = name)); }
    void end_object() override { writer_.end_object(); }
    void begin_array() override { writer_.begin_array(); }
    void end_array() override { writer_.end_array(); }
    void string(std::string_view text) override { writer_.string(log::scrubbed(name_, text)); }
    void number(std::string_view text) override { writer_.number(text); }
    void boolean(bool value) override { writer_.boolean(value); }
    void null() override { writer_.null(); }

    [[nodiscard]] std::string take() && { return std::move(writer_).take() + '\n'; }

  private:
    JsonWriter writer_{JsonWriter::Layout::indented};
    std::string name_;  // of the last member, which the texts of a list belong to, too
};

std::string scrubbed_part(const std::string& name, const std::string& text) {
    ScrubbedJson json;
    const bool is_json = name.ends_with(".json") && !read_json(text, kPatientJsonLimits, json);
    return is_json ? std::move(json).take() : log::scrubbed(text);
}

class Staging {
  public:
    static constexpr const char* kTop = "jiro-client-bundle";

    Staging() : folder_((fs::temp_directory_path() / "jiro-bundle-XXXXXX").string()) {
        is_made_ = mkdtemp(folder_.data()) != nullptr;
        std::error_code ignored;
        if (is_made_) fs::create_directory(fs::path(folder_) / kTop, ignored);
    }
    ~Staging() {
        std::error_code ignored;
        if (is_made_) fs::remove_all(folder_, ignored);
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    [[nodiscard]] bool is_made() const noexcept { return is_made_; }
    [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

    void add(const std::string& name, const Result<std::string>& part) {
        const std::string text = part ? scrubbed_part(name, *part) : std::string();
        const bool is_written = part && write_small_file(fs::path(folder_) / kTop / name, text);
        std::string line = is_written ? name + ": " + std::to_string(text.size()) + " bytes\n"
                                      : name + ": could not be had: " +
                                            log::scrubbed(part ? "it cannot be written" : part.error().message) + '\n';
        summary_ += escaped_lines(line);
    }
    [[nodiscard]] const std::string& summary() const noexcept { return summary_; }

  private:
    std::string folder_;
    bool is_made_ = false;
    std::string summary_;
};

void add_own(Staging& staging, Programs& programs) {
    staging.add("configuration.txt", programs.run_own({"check-config", "--print"}));
    staging.add("commands.txt", programs.run_own({"commands"}));
    staging.add("doctor.txt", programs.run_own({"doctor"}, {1, 78}, 60s));  // its findings are the part
}

// Of the running daemon, or of the outbox of one that does not run.
void ask_for_facts(Staging& staging, Programs& programs) {
    staging.add("status.json", programs.run_own({"status", "--json"}));
    staging.add("running.json", programs.run_own({"running", "--json"}));
    staging.add("outbox.json", programs.run_own({"outbox", "list", "--json"}));
}

void read_facts(Staging& staging) {
    std::string text;
    std::array<char, 65536> buffer;
    for (ssize_t count = 0; (count = read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
        if (text.size() > kFactsLimit) break;
    }
    const auto facts = json_or_null(text, {.bytes = kFactsLimit});
    for (const char* name : {"status.json", "running.json", "outbox.json", "log.txt"}) {
        if (auto fact = member_as<std::string>(facts, name)) {
            staging.add(name, std::move(*fact));
        } else if (name != std::string_view("log.txt")) {
            staging.add(name, Error(make_error_code(boost::system::errc::no_message), "the daemon did not give it"));
        }
    }
}

void add_unit(Staging& staging, Programs& programs, const std::string& config_file) {
    const auto unit = unit_of(config_file);
    if (unit.empty()) {
        const Error none(make_error_code(boost::system::errc::no_such_file_or_directory),
                         "no unit of systemd's belongs to " + config_file);
        staging.add("journal.txt", none);
        staging.add("unit.txt", none);
        return;
    }
    staging.add("journal.txt", programs.run({"/usr/bin/journalctl", "--unit", unit, "--lines", "1000", "--no-pager",
                                             "--quiet", "--output", "short-iso-precise"}));
    auto properties = programs.run({"/usr/bin/systemctl", "show", "--no-pager", unit, "jiro-command.socket"});
    if (properties) *properties = without_values(*properties);
    staging.add("unit.txt", properties);
}

std::string default_name() {
    utsname kernel{};
    uname(&kernel);
    std::string time = utc_text(std::chrono::system_clock::now());
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    return std::string("jiro-client-bundle-") + kernel.nodename + '-' + time + ".tar.gz";
}

// Nothing: it is there.
std::optional<std::string> put_in_place(const std::string& made, const BundleOptions& options,
                                        const std::string& file) {
    std::string archive;
    {
        std::ifstream in(made, std::ios::binary);
        archive.assign(std::istreambuf_iterator<char>(in), {});
        if (!in.good() && !in.eof()) return "it cannot be read again";
    }
    if (archive.empty() || archive.size() > kArchiveLimit) return "it has " + std::to_string(archive.size()) + " bytes";
    const auto written = options.from_daemon ? write_small_file(file, archive) : write_new_file(file, archive, 0600);
    return written ? std::nullopt : std::optional(written.error().message);
}

}  // namespace

int bundle(const std::string& config_file, const BundleOptions& options) {
    harden_process();
    log::configure({.level = log::Level::error, .target = log::Target::console});
    learn_secrets(config_file);
    const std::string file = options.file.empty() ? default_name() : options.file;
    Programs programs(config_file);
    Staging staging;
    if (!staging.is_made()) {
        std::cerr << "no folder can be made in " << fs::temp_directory_path().string() << ": " << std::strerror(errno)
                  << '\n';
        return ExitCode::failed;
    }
    staging.add("versions.txt", versions());
    add_own(staging, programs);
    options.from_daemon ? read_facts(staging) : ask_for_facts(staging, programs);
    add_unit(staging, programs, config_file);
    const std::string summary = staging.summary();
    staging.add("summary.txt", summary);

    const std::string made = staging.folder() + "/archive.tar.gz";
    const auto packed = programs.run(
        {"/usr/bin/tar", "--create", "--gzip", "--file", made, "--directory", staging.folder(), Staging::kTop});
    const auto problem = packed ? put_in_place(made, options, file) : std::optional(packed.error().message);
    if (problem) {
        std::cerr << "the archive " << escaped(file) << " cannot be made: " << escaped(*problem) << '\n';
        const auto& interruptible = programs.interruptible();
        return interruptible.signal() != 0 ? interruptible.exit_code() : ExitCode::failed;
    }
    std::error_code ignored;
    std::cout << fs::absolute(file, ignored).string() << ", " << fs::file_size(file, ignored) << " bytes, with\n"
              << summary;
    log::shutdown();
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
