// SPDX-License-Identifier: MIT
#include <array>
#include <iomanip>
#include <iostream>

#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/outbox_routes.hpp"
#include "daemon/state_directory.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

// The outbox of a daemon that does not run: the routes that it would serve, called in place.
struct StoppedOutbox final : RoutesHere {
    explicit StoppedOutbox(std::unique_ptr<delivery::Outbox> opened) : outbox(std::move(opened)) {
        routes = outbox_routes(*outbox, std::nullopt);
    }

    std::unique_ptr<delivery::Outbox> outbox;  // its thread posts to the context, which outlives it
};

Error cannot_open(const std::string& reason) {
    return Error(make_error_code(boost::system::errc::io_error), "the daemon does not run, and " + reason);
}

Result<std::unique_ptr<RoutesHere>> open_stopped_outbox(const std::string& config_file) {
    const auto environment = process_environment();
    const auto config = load_config(config_file, environment);
    auto settings = config.delivery.outbox;
    settings.path = config::find_outbox_of_unit(config, environment);
    settings.redo_log.clear();  // none is needed; where the daemon's lies is in the database
    if (settings.path == kInMemory) return cannot_open("its outbox was in memory only (Outbox.Path)");
    if (const auto became = become_owner_of(settings.path.parent_path()); !became)
        return cannot_open(became.error().message);
    std::error_code error;
    if (!std::filesystem::exists(settings.path, error)) {
        return cannot_open("there is no outbox at " + settings.path.string() +
                           (error ? ": " + error.message() : std::string()));
    }
    static const SystemClock clock;  // the storage thread's: it outlives the outbox
    auto outbox = delivery::open_sqlite_outbox(clock, settings);
    if (!outbox) {
        if (outbox.error().code != delivery::errc::in_use) return outbox.error();
        return Error(outbox.error().code,
                     "the outbox " + settings.path.string() +
                         " is in use by a running daemon, whose control socket does not answer; use the same --config "
                         "as the daemon, and run this as root or as the daemon's user");
    }
    return std::make_unique<StoppedOutbox>(std::move(*outbox));
}

std::string member_text(const json& row, const char* member) {
    const auto found = row.find(member);
    if (found == row.end() || found->is_null()) return "-";
    return escaped(found->is_string() ? found->get<std::string>() : found->dump());
}

void print_outbox_line(const std::array<std::string, 6>& cells) {
    std::cout << std::left << std::setw(10) << cells[0] << std::setw(12) << cells[1] << std::setw(21) << cells[2]
              << std::right << std::setw(8) << cells[3] << std::setw(10) << cells[4] << "  " << cells[5] << '\n';
}

void print_row(const json& row) {
    const auto error = member_text(row, "lastError");
    print_outbox_line({member_text(row, "state"), member_text(row, "outcome"), time_member(row, "receivedAt"),
                       member_text(row, "attempts"), member_text(row, "bytes"),
                       member_text(row, "id") + (error.empty() || error == "-" ? "" : "  (" + error + ')')});
}

int list(DaemonOrRoutes& client, const OutboxOptions& options) {
    json all = json::array();
    std::string after = "0";
    std::size_t count = 0;
    for (;;) {
        std::string target = "/outbox?limit=500&after=" + after;
        if (!options.state.empty()) target += "&state=" + percent_encode(options.state);
        const auto page = client.ask(Method::get, target);
        if (!page) return ExitCode::failed;
        const auto rows = list_member(*page, "rows");
        if (count == 0 && !rows.empty() && !options.json)
            print_outbox_line({"STATE", "OUTCOME", "RECEIVED", "ATTEMPTS", "BYTES", "ID"});
        for (const auto& row : rows) {
            if (options.json) {
                all.push_back(row);
            } else {
                print_row(row);
            }
        }
        count += rows.size();
        const auto next = page->value("next", json());
        if (!next.is_number_integer()) break;
        after = next.dump();
    }
    if (options.json) return print_json(all);
    if (count == 0) std::cout << "Nothing there\n";
    return ExitCode::good;
}

int show(DaemonOrRoutes& client, const OutboxOptions& options) {
    const auto row = client.ask(Method::get, "/outbox/show?id=" + percent_encode(options.id));
    if (!row) return ExitCode::failed;
    if (options.json) return print_json(*row);
    std::cout << "Id          " << member_text(*row, "id") << "\nState       " << member_text(*row, "state")
              << "\nOutcome     " << member_text(*row, "outcome") << "\nReceived    " << time_member(*row, "receivedAt")
              << "\nFinished    " << time_member(*row, "finishedAt") << "\nNext try    " << time_member(*row, "dueAt")
              << "\nAttempts    " << member_text(*row, "attempts") << "\nBytes       " << member_text(*row, "bytes")
              << "\nLast error  " << member_text(*row, "lastError") << '\n';
    const auto print_message = [&row](const char* member, const char* heading) {
        const auto found = row->find(member);
        if (found == row->end() || found->is_null()) return;
        std::cout << heading << escaped_lines(json_text(*found, 2)) << '\n';
    };
    print_message("message", "");
    print_message("whole", "The whole result, of which that is a short form (send it: outbox retry --whole ID)\n");
    return ExitCode::good;
}

int retry(DaemonOrRoutes& client, const OutboxOptions& options) {
    const auto what = options.all_dead ? std::string("dead=all")
                                       : "id=" + percent_encode(options.id) + (options.whole ? "&whole=yes" : "");
    const auto answer = client.ask(Method::post, "/outbox/retry?" + what);
    if (!answer) return ExitCode::failed;
    std::cout << member_text(*answer, "retried") << " will be sent again\n";
    return ExitCode::good;
}

int drop(DaemonOrRoutes& client, const OutboxOptions& options) {
    const auto answer = client.ask(Method::post, "/outbox/drop?id=" + percent_encode(options.id));
    if (!answer) return ExitCode::failed;
    std::cout << "Dropped; it will not be sent\n";
    return ExitCode::good;
}

}  // namespace

int outbox(const std::string& config_file, OutboxVerb verb, const OutboxOptions& options) {
    DaemonOrRoutes client(config_file, open_stopped_outbox);
    switch (verb) {
        case OutboxVerb::list:
            return list(client, options);
        case OutboxVerb::show:
            return show(client, options);
        case OutboxVerb::retry:
            return retry(client, options);
        case OutboxVerb::drop:
            return drop(client, options);
    }
    return ExitCode::usage;
}

}  // namespace jiro::daemon::cli
