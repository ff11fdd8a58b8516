// SPDX-License-Identifier: MIT
#pragma once
// What several subcommands do: read the configuration, ask the running daemon.

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/config/load.hpp"
#include "jiro/monitor/settings.hpp"
#include "jiro/monitor/status_client.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon::cli {

// What it says is every error of the configuration, one a line. main() alone catches it, prints that, and ends with
// ExitCode::bad_configuration.
struct BadConfiguration : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Throws BadConfiguration.
[[nodiscard]] config::Config load_config(const std::string& file, const Environment& environment);

// The commands of that configuration, for a process that is not the daemon: those that need it say so. Throws
// BadConfiguration.
[[nodiscard]] std::shared_ptr<const commands::CommandRegistry> make_registry_here(
    const config::Config& config, const commands::LoadSampler* load = nullptr);

// The packaged unit of a configuration file in /etc/jiro; empty: it has none.
[[nodiscard]] std::string unit_of(const std::filesystem::path& config_file);

// Root may look at the credentials that systemd gave to the running service of this configuration file.
void adopt_credentials_directory(Environment& environment, const std::filesystem::path& config_file);

// Makes a file of that mode, never over one that is there. The error has the system's words.
[[nodiscard]] Result<> write_new_file(const std::string& file, std::string_view text, mode_t mode);

// One request to the running daemon over its control socket (control_socket.hpp): at the first of `sockets` where
// somebody answers. Errors are monitor::errc; not_running when nobody does.
enum class Method { get, post };
[[nodiscard]] Result<monitor::Answer> ask_daemon(const std::vector<monitor::Listen>& sockets, Method method,
                                                 std::string_view target, std::string_view body = {});

// A member that is a list; empty: it is absent, or none. The answer is not trusted to be ours.
[[nodiscard]] std::vector<nlohmann::json> list_member(const nlohmann::json& object, const char* name);

// Seconds since 1970, in this machine's time; "-": there is none.
[[nodiscard]] std::string time_member(const nlohmann::json& object, const char* name);

// Prints why it failed; the exit code.
int report_failure(std::string_view why);
// Prints it for machines; the exit code.
int print_json(const nlohmann::json& value);

// The JSON object of an answer with status 200; else nothing, after the reason was printed.
[[nodiscard]] std::optional<nlohmann::json> json_or_report(const Result<monitor::Answer>& answer);

// Both, at the control socket of that configuration file's daemon. Throws BadConfiguration when that may be why it was
// not found.
[[nodiscard]] std::optional<nlohmann::json> ask_daemon_or_report(const std::string& config_file, Method method,
                                                                 std::string_view target);

// The routes that a daemon would serve, in this process, and in what derives from it what they need.
struct RoutesHere {
    RoutesHere() = default;
    virtual ~RoutesHere() = default;
    RoutesHere(const RoutesHere&) = delete;
    RoutesHere& operator=(const RoutesHere&) = delete;

    boost::asio::io_context context{1};
    monitor::Routes routes;
};

// Asks the daemon of a configuration file, or what `open` gives when none runs.
class DaemonOrRoutes {
  public:
    using Open = std::function<Result<std::unique_ptr<RoutesHere>>(const std::string& config_file)>;
    DaemonOrRoutes(const std::string& config_file, Open open);

    [[nodiscard]] std::optional<nlohmann::json> ask(Method method, const std::string& target);

  private:
    std::string config_file_;
    Open open_;
    std::vector<monitor::Listen> sockets_;
    std::unique_ptr<RoutesHere> here_;  // once no daemon answered
};

}  // namespace jiro::daemon::cli
