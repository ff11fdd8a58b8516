// SPDX-License-Identifier: MIT

#include "daemon/cli/doctor/local_checks.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/version.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/monitor/errors.hpp"
#include "jiro/monitor/status_client.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kDaemonAnswerLimit = 5s;
constexpr std::size_t kShownReasons = 10;

std::chrono::seconds uptime_of(const json& status) {
    const double seconds = member_as<double>(status, "uptimeSeconds").value_or(0);
    constexpr double kCentury = 3.2e9;
    return std::chrono::seconds(seconds > 0 && seconds < kCentury ? static_cast<std::int64_t>(seconds) : 0);
}

void add_reasons(Findings& findings, const json& status, const char* member) {
    std::size_t shown = 0;
    for (const auto& reason : list_member(status, member)) {
        if (!reason.is_string() || ++shown > kShownReasons) continue;
        findings.warning("daemon." + std::string(member), "the daemon says: " + reason.get<std::string>(),
                         "`jiro-client status` and `journalctl -u jiro-client -p warning` tell more");
    }
}

void explain_absence(Findings& findings, const Error& error) {
    using monitor::errc;
    if (error.code == errc::switched_off) {
        findings.ok("daemon.running", "Monitoring.Listen is off, so a running daemon cannot be asked");
    } else if (error.code == errc::not_running) {
        findings.warning("daemon.running", "no daemon runs, or it has another Monitoring.Listen",
                         "start it with `systemctl start jiro-client`");
    } else if (error.code == errc::no_permission) {
        findings.warning("daemon.running", "a daemon runs, and this user may not ask it",
                         "run this as root, or as a member of the status socket's group");
    } else if (error.code == errc::timeout) {
        findings.problem("daemon.running", error.message, "look at its log; restart it if it does not recover");
    } else if (error.code == errc::busy) {
        findings.problem("daemon.running", error.message,
                         "`ss -tnp` or `ss -xp` names the programs that keep connections to Monitoring.Listen open");
    } else {
        findings.problem("daemon.running", error.message,
                         "another program may have taken Monitoring.Listen: stop that, or choose another address");
    }
}

}  // namespace

bool check_daemon(Findings& findings, const config::Config& config) {
    return explain_status(findings, monitor::fetch_status(config.monitoring.listen, kDaemonAnswerLimit), config);
}

bool explain_status(Findings& findings, const Result<std::string>& status, const config::Config& config) {
    findings.begin_section("Daemon");
    const auto body = status ? json_or_null(*status) : json();
    if (!status || !body.is_object()) {
        explain_absence(findings, status ? Error(monitor::errc::answer_malformed, "the status is not a JSON object")
                                         : status.error());
        return false;
    }
    const auto version = text_member(body, "version");
    findings.ok("daemon.running", "a daemon runs: version " + version + ", up " + about(uptime_of(body)) +
                                      ", its hub connection is " + text_member(body, "state"));
    if (version != kVersion) {
        findings.warning("daemon.version", "it is version " + version + ", while this program is " + kVersion,
                         "restart it, so that the installed version runs");
    }
    const auto hub = config.websocket.hub_url ? config.websocket.hub_url->redacted() : std::string();
    if (text_member(body, "hubUrl") != hub) {
        findings.warning("daemon.configuration", "it does not use the hub of this configuration file",
                         "reload it (`systemctl reload jiro-client`), or give the --config that it uses");
    }
    add_reasons(findings, body, "notReady");
    add_reasons(findings, body, "degraded");
    return true;
}

}  // namespace jiro::daemon::cli
