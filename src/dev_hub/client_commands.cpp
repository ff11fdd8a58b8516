// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "dev_hub/chart.hpp"
#include "dev_hub/cli.hpp"
#include "dev_hub/control_client.hpp"
#include "dev_hub/control_protocol.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

namespace {

struct SendFlags {
    std::string control = default_control_socket().string();
    std::string text, session, id, instance, target, wait;
    std::vector<std::string> parameters;
    int count = 1;
    std::int64_t timeout_ms = 30'000;
    std::int64_t client_timeout_ms = 3'000;
    bool parallel = false;
    bool invoke = false;
    bool as_string = false;
    bool as_json = false;
};

json to_request(const SendFlags& flags) {
    json request{{"verb", "send"},
                 {"command", flags.text},
                 {"count", flags.count},
                 {"parallel", flags.parallel},
                 {"invoke", flags.invoke},
                 {"string", flags.as_string},
                 {"timeoutMs", flags.timeout_ms},
                 {"clientTimeoutMs", flags.client_timeout_ms}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) request[name] = value;
    };
    add("sessionId", flags.session);
    add("commandSyncId", flags.id);
    add("instanceId", flags.instance);
    add("target", flags.target);
    add("wait", flags.wait);
    auto& parameters = request["parameters"] = json::object();
    for (const auto& pair : flags.parameters) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos) throw CLI::ValidationError("--param", "'" + pair + "' is not KEY=VALUE");
        parameters[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return request;
}

// Results to standard output, failures to standard error.
void print_outcome(const json& outcome) {
    const auto id = outcome.value("commandSyncId", "");
    if (const auto result = outcome.find("result"); result != outcome.end()) {
        const auto received = result_from_json(*result);
        char elapsed[32];
        std::snprintf(elapsed, sizeof elapsed, "%.1f", outcome.value("elapsedMs", 0.0));
        std::cout << "[" << id << "] " << received.command_name << " " << (received.is_success ? "succeeded" : "failed")
                  << " in " << elapsed << " ms\n";
        (received.is_success ? std::cout : std::cerr) << render(received);
    }
    if (const auto completion = outcome.find("completion"); completion != outcome.end()) {
        std::cout << "completion: " << to_line(*completion);
    }
    if (const auto error = outcome.find("error"); error != outcome.end()) {
        std::cerr << "[" << id << "] " << error->get<std::string>() << "\n";
    }
    std::cout.flush();
}

int send(const SendFlags& flags) {
    const auto response = ask(flags.control, to_request(flags));
    if (!response) {
        std::cerr << response.error().message << "\n";
        return 1;
    }
    if (flags.as_json) {
        std::cout << response->dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
    } else if (const auto outcomes = response->find("outcomes"); outcomes != response->end()) {
        for (const auto& outcome : *outcomes) print_outcome(outcome);
    } else {
        std::cerr << response->value("error", "the server refused") << "\n";
    }
    return response->value("ok", false) ? 0 : 1;
}

// Asks and prints the response as it is.
int ask_and_print(const std::string& control, const json& request) {
    const auto response = ask(control, request);
    if (!response) {
        std::cerr << response.error().message << "\n";
        return 1;
    }
    const bool ok = response->value("ok", false);
    (ok ? std::cout : std::cerr) << response->dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
    return ok ? 0 : 1;
}

void add_send(CLI::App& app, int& exit_code) {
    const auto flags = std::make_shared<SendFlags>();
    auto* send_app = app.add_subcommand("send", "Send a command to the connected client and print its result");
    send_app->add_option("text", flags->text, "The command's text")->required();
    send_app->add_option("--param", flags->parameters, "KEY=VALUE; may be repeated")->allow_extra_args(false);
    send_app->add_option("--session", flags->session, "sessionId");
    send_app->add_option("--id", flags->id, "commandSyncId; a new UUID if not given");
    send_app->add_option("--instance", flags->instance, "instanceId");
    send_app->add_option("--target", flags->target, "Method to call instead of the server's --target");
    send_app->add_option("--count", flags->count, "Send so many")->check(CLI::Range(1, 1'000'000));
    send_app->add_flag("--parallel", flags->parallel, "All at once instead of one after another");
    send_app->add_flag("--invoke", flags->invoke, "With an invocationId: wait for the client result too");
    send_app->add_flag("--string", flags->as_string, "The argument as a JSON string");
    send_app->add_option("--wait", flags->wait, "What to wait for")
        ->check(CLI::IsMember({"none", "result", "completion", "both"}));
    send_app->add_option("--timeout", flags->timeout_ms, "Milliseconds to wait for each result")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{86'400'000}));
    send_app->add_option("--wait-client", flags->client_timeout_ms, "Milliseconds to wait for a client")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{86'400'000}));
    send_app->add_flag("--json", flags->as_json, "Print the whole response as JSON");
    send_app->add_option("--control", flags->control, "Control socket of the server");
    send_app->callback([flags, &exit_code] { exit_code = send(*flags); });
}

struct PlainFlags {
    std::string control = default_control_socket().string();
    json request;
    std::vector<std::string> words;
    std::string text;
    std::int64_t timeout_ms = 10'000;
    bool flag = false;
};

std::pair<CLI::App*, std::shared_ptr<PlainFlags>> add_plain(CLI::App& app, const char* verb, const char* what) {
    const auto flags = std::make_shared<PlainFlags>();
    flags->request["verb"] = verb;
    auto* command = app.add_subcommand(verb, what);
    command->add_option("--control", flags->control, "Control socket of the server");
    return {command, flags};
}

}  // namespace

void add_client_commands(CLI::App& app, int& exit_code) {
    add_send(app, exit_code);
    const auto run = [&exit_code](const std::shared_ptr<PlainFlags>& flags) {
        exit_code = ask_and_print(flags->control, flags->request);
    };
    for (const auto& [verb, what] :
         {std::pair("clients", "Show the connected clients and the counters"),
          std::pair("drop", "Reset every connection (misbehave drop)"),
          std::pair("reset-counters", "Forget all results and counts"), std::pair("quit", "End the server")}) {
        auto [command, flags] = add_plain(app, verb, what);
        command->callback([run, flags = flags] { run(flags); });
    }

    auto [results, results_flags] = add_plain(app, "results", "Show how often each result came");
    results->add_flag("--summary", results_flags->flag, "Totals only");
    results->add_option("--file", results_flags->text, "Write one line for each id into this file");
    results->callback([run, flags = results_flags] {
        flags->request["summary"] = flags->flag;
        // The server writes the file, wherever it was started.
        if (!flags->text.empty()) flags->request["file"] = std::filesystem::absolute(flags->text).string();
        run(flags);
    });

    auto [close, close_flags] = add_plain(app, "close", "Send the hub's Close message to every client");
    close->add_flag("--allow-reconnect", close_flags->flag, "With allowReconnect");
    close->add_option("--error", close_flags->text, "With this error");
    close->callback([run, flags = close_flags] {
        flags->request["allowReconnect"] = flags->flag;
        flags->request["error"] = flags->text;
        run(flags);
    });

    auto [wait, wait_flags] = add_plain(app, "wait-client", "Wait until a client is connected");
    wait->add_option("--timeout", wait_flags->timeout_ms, "Milliseconds")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{86'400'000}));
    wait->callback([run, flags = wait_flags] {
        flags->request["timeoutMs"] = flags->timeout_ms;
        run(flags);
    });

    auto [misbehave, misbehave_flags] =
        add_plain(app, "misbehave", "Misbehave: drop, stall, bad-frame KIND, grpc-fail STATUS next=N, none, ...");
    misbehave->add_option("words", misbehave_flags->words, "The misbehaviour (docs/dev-hub.md)")->required();
    misbehave->callback([run, flags = misbehave_flags] {
        flags->request["words"] = flags->words;
        run(flags);
    });
}

}  // namespace jiro::dev_hub
