// SPDX-License-Identifier: MIT
#include <iomanip>
#include <iostream>

#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/outbox_routes.hpp"
#include "daemon/state_directory.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

// The outbox of a daemon that does not run: the routes that it would serve, called in place.
struct StoppedOutbox {
    explicit StoppedOutbox(std::unique_ptr<delivery::Outbox> opened)
        : outbox(std::move(opened)), routes(outbox_routes(*outbox, std::nullopt)) {}

    boost::asio::io_context context{1};  // outlives the storage thread, which posts to it
    std::unique_ptr<delivery::Outbox> outbox;
    monitor::Routes routes;
};

Error cannot_open(const std::string& reason) {
    return Error(make_error_code(boost::system::errc::io_error), "the daemon does not run, and " + reason);
}

Result<std::unique_ptr<StoppedOutbox>> open_stopped(const std::string& config_file) {
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

// Asks the daemon, or the database when there is none.
class OutboxClient {
  public:
    explicit OutboxClient(const std::string& config_file)
        : config_file_(config_file), sockets_(control_candidates(config_file, process_environment())) {}

    // The answer's JSON; nothing after the reason was printed.
    std::optional<json> ask(Method method, const std::string& target) {
        if (!stopped_) {
            const auto answer = ask_daemon(sockets_, method, target);
            if (answer || answer.error().code != monitor::errc::not_running) return json_or_report(answer);
            auto opened = open_stopped(config_file_);
            if (!opened) return json_or_report(opened.error());
            stopped_ = std::move(*opened);
        }
        return json_or_report(ask_in_place(stopped_->context, stopped_->routes, method, target));
    }

  private:
    const std::string& config_file_;
    std::vector<monitor::Listen> sockets_;
    std::unique_ptr<StoppedOutbox> stopped_;
};

std::string member_text(const json& row, const char* member) {
    const auto found = row.find(member);
    if (found == row.end() || found->is_null()) return "-";
    return escaped(found->is_string() ? found->get<std::string>() : found->dump());
}

void print_row(const json& row) {
    std::cout << std::left << std::setw(10) << member_text(row, "state") << std::setw(12) << member_text(row, "outcome")
              << std::setw(21) << time_member(row, "receivedAt") << std::right << std::setw(8)
              << member_text(row, "attempts") << std::setw(10) << member_text(row, "bytes") << "  "
              << member_text(row, "id");
    if (const auto error = member_text(row, "lastError"); !error.empty() && error != "-")
        std::cout << "  (" << error << ')';
    std::cout << '\n';
}

void print_header() {
    std::cout << std::left << std::setw(10) << "STATE" << std::setw(12) << "OUTCOME" << std::setw(21) << "RECEIVED"
              << std::right << std::setw(8) << "ATTEMPTS" << std::setw(10) << "BYTES"
              << "  ID\n";
}

int list(OutboxClient& client, const OutboxOptions& options) {
    json all = json::array();
    std::string after = "0";
    std::size_t count = 0;
    for (;;) {
        std::string target = "/outbox?limit=500&after=" + after;
        if (!options.state.empty()) target += "&state=" + percent_encode(options.state);
        const auto page = client.ask(Method::get, target);
        if (!page) return ExitCode::failed;
        const auto rows = page->value("rows", json::array());
        if (count == 0 && !rows.empty() && !options.json) print_header();
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
    if (options.json) {
        std::cout << json_text(all, 2) << '\n';
    } else if (count == 0) {
        std::cout << "Nothing there\n";
    }
    return ExitCode::good;
}

int show(OutboxClient& client, const OutboxOptions& options) {
    const auto row = client.ask(Method::get, "/outbox/show?id=" + percent_encode(options.id));
    if (!row) return ExitCode::failed;
    if (options.json) {
        std::cout << json_text(*row, 2) << '\n';
        return ExitCode::good;
    }
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

int retry(OutboxClient& client, const OutboxOptions& options) {
    const auto what = options.all_dead ? std::string("dead=all")
                                       : "id=" + percent_encode(options.id) + (options.whole ? "&whole=yes" : "");
    const auto answer = client.ask(Method::post, "/outbox/retry?" + what);
    if (!answer) return ExitCode::failed;
    std::cout << member_text(*answer, "retried") << " will be sent again\n";
    return ExitCode::good;
}

int drop(OutboxClient& client, const OutboxOptions& options) {
    const auto answer = client.ask(Method::post, "/outbox/drop?id=" + percent_encode(options.id));
    if (!answer) return ExitCode::failed;
    std::cout << "Dropped; it will not be sent\n";
    return ExitCode::good;
}

}  // namespace

int outbox(const std::string& config_file, OutboxVerb verb, const OutboxOptions& options) {
    OutboxClient client(config_file);
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
