// SPDX-License-Identifier: MIT
#include "daemon/cli/doctor/configuration_checks.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "daemon/cli/doctor/look.hpp"
#include "jiro/base/base64.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/tls_files.hpp"
#include "jiro/config/check_tls.hpp"
#include "jiro/config/credentials.hpp"
#include "jiro/signalr/probe.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kExpiresSoon = 21 * 24h;  // enough for a holiday
constexpr std::size_t kLargestPem = 4 * 1024 * 1024;

std::chrono::seconds between(WallTime from, WallTime to) {
    return std::chrono::duration_cast<std::chrono::seconds>(to - from);
}

std::string advice_for_key(const std::string& key_path) {
    if (key_path == "WebSocket.Tls.Verify")
        return "remove Verify: false, and name the authority that signed the hub's certificate in WebSocket.Tls.CaFile";
    if (key_path == "Commands.RunAs")
        return "`systemctl enable --now jiro-command.socket`, and RunAs: unit; without systemd leave Exec empty where "
               "that matters";
    if (key_path == "Monitoring.Listen") return "listen on 127.0.0.1, or on unix:/run/jiro-client/status.sock";
    if (key_path == "Grpc.ServerUrl" || key_path == "WebSocket.HubUrl")
        return "set it to the server's https:// address";
    return "change it, or leave it if it is meant so: jiro-client.yaml(5) explains the key";
}

constexpr std::size_t kLongestPart = 64 * 1024;

// Base64 by the alphabet for URLs, without padding; empty when it is something else.
std::string decoded_part(std::string text) {
    if (text.size() > kLongestPart) return {};
    for (char& c : text) {
        if (c == '-') c = '+';
        if (c == '_') c = '/';
    }
    const std::size_t padding = (4 - text.size() % 4) % 4;
    if (padding == 3) return {};
    text.append(padding, '=');
    return from_base64(text).value_or("");
}

// What a file with something secret should be: there, readable, and not for everybody.
void check_secret_file(Findings& findings, const std::string& key, const std::string& path) {
    const std::string check = "config.file." + key;
    const auto look = look_at_file(path);
    if (!look) {
        return findings.warning(check, key + ": " + path + " " + kNoAnswer, "look at the disk or mount that it is on");
    }
    if (look->error != 0) {
        return findings.problem(check, key + ": " + path + " cannot be examined: " + std::strerror(look->error),
                                "create the file, readable by the daemon's user only, or correct its path");
    }
    if ((look->status.st_mode & S_IROTH) != 0) {
        return findings.warning(check, key + ": " + path + " can be read by every user of this machine",
                                "chmod o-rwx " + path);
    }
    findings.ok(check, key + ": " + path + " is there and not for everybody");
}

// The chain of ours that may not expire; a bundle of authorities may hold some that have, and are of no use to anybody.
void check_lifetime(Findings& findings, const std::string& key, const std::string& path, WallTime now) {
    const auto file = read_small_file(path, kLargestPem);
    const auto certificate = file ? signalr::first_to_expire(file->text) : Result<signalr::Certificate>(file.error());
    if (!certificate) return;  // it is a problem already
    const auto count = certificates_in(file->text)->size();
    const std::string check = "config.file." + key;
    const std::string whose = key + ": " + path;
    if (key.ends_with("CaFile") && count > 1) {
        return findings.ok(check, whose + " holds " + std::to_string(count) + " certificates");
    }
    check_expiry(findings, check, whose, certificate->not_before, certificate->not_after, now);
}

void check_tls(Findings& findings, const config::Config& config, WallTime now) {
    const std::function<std::vector<config::TlsProblem>()> look = [config] { return config::check_tls_files(config); };
    const auto looked = look_in_time("tls", look);
    if (!looked) {
        return findings.warning("config.tls", std::string("a file of Tls ") + kNoAnswer,
                                "look at the disks or mounts that they are on");
    }
    const auto& problems = *looked;
    for (const auto& [key, message] : problems) {
        findings.problem("config.file." + key, message,
                         key.ends_with("PrivateKeyFile")
                             ? "give the certificate's own key, in PEM form, without a passphrase, readable by the "
                               "daemon's user"
                             : "correct the path, or give a file in PEM form (-----BEGIN CERTIFICATE-----), readable "
                               "by the daemon's user");
    }
    for (const auto& [section, files] : config::tls_sections(config)) {
        const auto is_good = [&](const std::string& key, const std::filesystem::path& file) {
            return !file.empty() && std::ranges::count(problems, key, &config::TlsProblem::key_path) == 0;
        };
        for (const auto& [name, file] :
             {std::pair(".CaFile", &files->ca), std::pair(".CertificateFile", &files->certificate)}) {
            if (const auto key = section + std::string(name); is_good(key, *file))
                check_lifetime(findings, key, *file, now);
        }
        if (const auto key = section + std::string(".PrivateKeyFile"); is_good(key, files->key))
            check_secret_file(findings, key, files->key);
    }
}

bool is_known_to_the_unit_only(const std::string& path) { return path.starts_with("${"); }

void check_credentials(Findings& findings, const config::Config& config, const Environment& environment, WallTime now) {
    auto sources = config.credentials;
    for (const auto& [key, path] : {std::pair{"WebSocket.AccessTokenFile", &sources.access_token_file},
                                    std::pair{"ApiKeyFile", &sources.api_key_file}}) {
        if (path->empty()) continue;
        if (is_known_to_the_unit_only(*path)) {
            findings.warning(
                "config.credentials",
                std::string(key) + ": " + *path + " is known inside the service only, so it is not checked",
                "run this with CREDENTIALS_DIRECTORY set, or look at the service's log");
            path->clear();
            continue;
        }
        check_secret_file(findings, key, *path);
    }
    const auto credentials = read_credentials_in_time(sources, environment);
    if (!credentials) {
        return findings.problem("config.credentials", credentials.error().message,
                                "put the token or key into the file, on one line, readable by the daemon's user");
    }
    if (const auto expiry = expiry_of(credentials->access_token)) {
        if (*expiry <= now) {
            findings.problem("config.token", "the access token expired " + about(between(*expiry, now)) + " ago",
                             "get a new one from the server's owner and put it in the old one's place");
        } else {
            findings.ok("config.token", "the access token is valid for another " + about(between(now, *expiry)));
        }
    }
}

void check_shells(Findings& findings, const config::Config& config) {
    for (const auto& command : config.commands.exec) {
        if (!command.shell) continue;
        findings.warning("config.shell",
                         "the command '" + command.name + "' (" + command.source +
                             ") is a shell script: one unquoted $1 in it lets a sender run more than is meant",
                         "use Program with a list of arguments instead of Shell: true, or see that every \"$1\" is "
                         "quoted; docs/commands.md has both");
    }
}

// A warning, not a problem: the program's unit may see other files than the doctor.
void check_programs(Findings& findings, const config::Config& config) {
    for (const auto& command : config.commands.exec) {
        if (command.shell) continue;
        const std::string& program = command.program.front();
        const auto look = look_at_file(program);
        const auto mode = look ? look->status.st_mode : 0;
        if (S_ISREG(mode) && (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0) continue;
        const std::string why = !look              ? std::string("it ") + kNoAnswer
                                : look->error != 0 ? std::strerror(look->error)
                                                   : "no executable file";
        findings.warning(
            "config.program",
            "the command '" + command.name + "' (" + command.source + ") cannot run " + program + ": " + why,
            "install the program, or correct its path in Program, as its unit sees it");
    }
}

void check_paths(Findings& findings, const config::Config& config) {
    for (const auto& [key, what] : commands::open_paths(config.commands)) {
        findings.warning("config.path", key + " " + what,
                         "give it a Pattern that holds it in its folder, such as [A-Za-z0-9_-]+, or an Enum");
    }
}

std::string allowed_requests(const config::RequestKinds& kinds) {
    const auto names = kinds.names();
    return names.empty() ? "the hub may ask nothing" : "the hub may ask for " + join_with_commas(names);
}

}  // namespace

std::optional<WallTime> expiry_of(const Secret& access_token) {
    const std::string& text = access_token.reveal();
    const auto first = text.find('.');
    const auto second = first == std::string::npos ? first : text.find('.', first + 1);
    if (second == std::string::npos || second == first + 1) return std::nullopt;
    const auto claims = json_or_null(decoded_part(text.substr(first + 1, second - first - 1)));
    const auto seconds = member_as<double>(claims, "exp");
    constexpr double kYear3000 = 32'503'680'000;
    if (!seconds || !(*seconds >= 0 && *seconds < kYear3000)) return std::nullopt;
    return WallTime(std::chrono::seconds(static_cast<std::int64_t>(*seconds)));
}

Result<Credentials> read_credentials_in_time(const config::CredentialSources& sources, const Environment& environment) {
    const std::function<Result<Credentials>()> read = [sources, environment] {
        return config::read_credentials(sources, environment);
    };
    auto done = look_in_time(sources.access_token_file + '\n' + sources.api_key_file, read);
    if (done) return std::move(*done);
    return Error(make_error_code(boost::system::errc::timed_out),
                 std::string("the file of the credentials ") + kNoAnswer);
}

void report_errors(Findings& findings, const std::vector<config::ConfigError>& errors) {
    findings.begin_section("Configuration");
    for (const auto& error : errors) {
        findings.problem("config.invalid", config::to_string(error),
                         "correct it, or look at the disk or mount that does not answer, then run this again");
    }
}

std::optional<FileLook> look_at_file(const std::string& path) {
    const std::function<FileLook()> look = [path] {
        FileLook seen;
        if (stat(path.c_str(), &seen.status) != 0) seen.error = errno;
        return seen;
    };
    return look_in_time(path, look);
}

void check_configuration(Findings& findings, const config::Config& config, const Environment& environment,
                         WallTime now) {
    findings.begin_section("Configuration");
    findings.ok("config.valid", config.source.string() + " is valid");
    if (!config.websocket.hub_url && !config.delivery.grpc.server_url) {
        findings.problem("config.hub", "no hub is configured: the daemon runs and waits",
                         "set WebSocket.HubUrl and Grpc.ServerUrl, then `systemctl reload jiro-client`");
    }
    for (const auto& warning : config.warnings) {
        auto [text, advice] = split_advice(warning.text, advice_for_key(warning.key_path));
        findings.warning("config.warning." + warning.key_path, std::move(text), std::move(advice));
    }
    if (const auto socket = commands::socket_for_programs(config.commands); socket && !config.commands.exec.empty()) {
        findings.ok("config.programs", "the programs of Commands.Exec run in units of their own, by " + *socket);
    }
    findings.ok("config.requests", "Hub.Requests: " + allowed_requests(config.hub.requests));
    check_shells(findings, config);
    check_programs(findings, config);
    check_paths(findings, config);
    check_credentials(findings, config, environment, now);
    check_tls(findings, config, now);
}

void check_expiry(Findings& findings, const std::string& check, const std::string& whose, WallTime not_before,
                  WallTime not_after, WallTime now) {
    if (not_after <= now) {
        findings.problem(check, whose + ": the certificate expired " + about(between(not_after, now)) + " ago",
                         "put a new certificate in its place; if that one is new, check this machine's clock");
    } else if (not_before > now) {
        findings.problem(check, whose + ": the certificate is not valid for another " + about(between(now, not_before)),
                         "check this machine's clock");
    } else if (not_after < now + kExpiresSoon) {
        findings.warning(check, whose + ": the certificate expires in " + about(between(now, not_after)),
                         "have it renewed before then");
    } else {
        findings.ok(check, whose + ": the certificate is valid for another " + about(between(now, not_after)));
    }
}

}  // namespace jiro::daemon::cli
