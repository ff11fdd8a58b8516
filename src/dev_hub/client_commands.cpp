// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "dev_hub/cli.hpp"
#include "dev_hub/control.hpp"
#include "jiro/base/base64.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

namespace {

struct SendFlags {
    std::string control = default_control_socket().string();
    std::string text, session, id, instance, target, wait;
    std::vector<std::string> parameters;
    std::vector<std::string> headers;
    int count = 1;
    std::int64_t timeout_ms = 30'000;
    std::int64_t client_timeout_ms = 3'000;
    bool parallel = false;
    bool invoke = false;
    bool as_string = false;
    bool as_json = false;
};

CLI::Range a_day_of_milliseconds() { return {std::int64_t{0}, std::int64_t{86'400'000}}; }

json read_pairs(const char* flag, const std::string& form, const std::vector<std::string>& pairs) {
    json object = json::object();
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos) throw CLI::ValidationError(flag, "'" + pair + "' is not " + form);
        object[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return object;
}

json to_request(const SendFlags& flags) {
    json request{{"command", flags.text},
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
    request["parameters"] = read_pairs("--param", "KEY=VALUE", flags.parameters);
    request["headers"] = read_pairs("--header", "NAME=VALUE", flags.headers);
    return request;
}

// What a person sees of a result: text as it is (BASE64 decoded), JSON indented, a graph drawn.
std::string shown(const json& result) {
    std::string out;
    if (const auto graph = result.find("graphResult"); graph != result.end()) {
        Chart chart{graph->value("message", ""), graph->value("graphData", ""), graph->value("note", ""),
                    graph->value("xAxis", ""),   graph->value("yAxis", ""),     {}};
        for (const auto& [member, unit] : graph->at("units").items()) chart.units.emplace_back(member, unit);
        out = draw_chart(chart);
    } else if (const auto text = result.find("textResult"); text != result.end()) {
        out = text->value("response", "");
        const auto type = text->value("textType", "");
        JsonWriter indented(JsonWriter::Layout::indented);
        if (type == "JSON" && !read_json(out, kPatientJsonLimits, indented)) out = std::move(indented).take();
        if (type == "BASE64") out = from_base64(out).value_or(out);
    }
    if (!out.ends_with('\n')) out += '\n';
    return escaped_lines(out);
}

// Results to standard output, failures to standard error.
void print_outcome(const json& outcome) {
    const auto id = outcome.value("commandSyncId", "");
    if (const auto result = outcome.find("result"); result != outcome.end()) {
        const bool is_success = result->value("isSuccess", false);
        std::cout << "[" << id << "] " << result->value("commandName", "") << " "
                  << (is_success ? "succeeded" : "failed") << " in " << decimal(outcome.value("elapsedMs", 0.0), 1)
                  << " ms\n";
        (is_success ? std::cout : std::cerr) << shown(*result);
    }
    if (const auto completion = outcome.find("completion"); completion != outcome.end()) {
        std::cout << "completion: " << json_text(*completion) << "\n";
    }
    if (const auto error = outcome.find("error"); error != outcome.end()) {
        std::cerr << "[" << id << "] " << error->get<std::string>() << "\n";
    }
    std::cout.flush();
}

// Nothing after the reason was printed.
std::optional<json> ask_or_report(const std::string& control, const std::string& verb, const json& request) {
    auto response = ask(control, verb, request);
    if (response) return std::move(*response);
    std::cerr << response.error().message << "\n";
    return std::nullopt;
}

// Asks, and prints the response as it is.
int ask_and_print(const std::string& control, const std::string& verb, const json& request) {
    const auto response = ask_or_report(control, verb, request);
    if (!response) return 1;
    const bool ok = response->value("ok", false);
    // A command that failed is an answer; what could not be done at all is an error.
    const bool is_answer = ok || response->contains("outcomes");
    (is_answer ? std::cout : std::cerr) << json_text(*response, 2) << std::endl;
    return ok ? 0 : 1;
}

int send(const SendFlags& flags) {
    if (flags.as_json) return ask_and_print(flags.control, "send", to_request(flags));
    const auto response = ask_or_report(flags.control, "send", to_request(flags));
    if (!response) return 1;
    if (const auto error = response->find("error"); error != response->end()) {
        std::cerr << error->get<std::string>() << "\n";
    } else {
        for (const auto& outcome : response->at("outcomes")) print_outcome(outcome);
    }
    return response->value("ok", false) ? 0 : 1;
}

void add_send(CLI::App& app, int& exit_code) {
    const auto flags = std::make_shared<SendFlags>();
    auto* send_app = app.add_subcommand("send", "Send a command to the connected client and print its result");
    send_app->add_option("text", flags->text, "The command's text")->required();
    send_app->add_option("--param", flags->parameters, "KEY=VALUE; may be repeated")->allow_extra_args(false);
    send_app->add_option("--header", flags->headers, "NAME=VALUE beside the argument, as traceparent; may be repeated")
        ->allow_extra_args(false);
    send_app->add_option("--session", flags->session, "sessionId");
    send_app->add_option("--id", flags->id, "commandSyncId; a new UUID if not given");
    send_app->add_option("--instance", flags->instance, "instanceId");
    send_app->add_option("--target", flags->target, "Method to call instead of the server's --target");
    send_app->add_option("--count", flags->count, "Send so many")->check(CLI::Range(1, 1'000'000));
    send_app->add_flag("--parallel", flags->parallel, "All at once instead of one after another");
    send_app->add_flag("--invoke", flags->invoke, "With an invocationId: wait for the client result too");
    send_app->add_flag("--string", flags->as_string, "The argument as a JSON string");
    send_app
        ->add_option(
            "--wait", flags->wait,
            "What to wait for; completion and both imply --invoke; after none, exit code 0 says nothing of the "
            "command")
        ->check(CLI::IsMember({"none", "result", "completion", "both"}));
    send_app->add_option("--timeout", flags->timeout_ms, "Milliseconds to wait for each result")
        ->check(a_day_of_milliseconds());
    send_app->add_option("--wait-client", flags->client_timeout_ms, "Milliseconds to wait for a client")
        ->check(a_day_of_milliseconds());
    send_app->add_flag("--json", flags->as_json, "Print the whole response as JSON");
    send_app->add_option("--control", flags->control, "Control socket of the server");
    send_app->callback([flags, &exit_code] { exit_code = send(*flags); });
}

struct PlainFlags {
    std::string control = default_control_socket().string();
    std::string target;
    std::string argument = "{}";
    std::vector<std::string> words;
    std::int64_t timeout_ms = 10'000;
};

}  // namespace

void add_client_commands(CLI::App& app, int& exit_code) {
    add_send(app, exit_code);
    const auto flags = std::make_shared<PlainFlags>();
    const auto add = [&](const std::string& verb, const char* what, std::function<json()> request) {
        auto* command = app.add_subcommand(verb, what);
        command->add_option("--control", flags->control, "Control socket of the server");
        command->callback([flags, &exit_code, verb, request = std::move(request)] {
            exit_code = ask_and_print(flags->control, verb, request());
        });
        return command;
    };
    add("clients", "Show the connected clients and the counters", [] { return json::object(); });
    add("results", "Show how often each result came", [] { return json::object(); });
    auto* request =
        add("request", "Call a method of the client and print its answer, as the production hub does", [flags] {
            return json{{"target", flags->target}, {"argument", flags->argument}, {"timeoutMs", flags->timeout_ms}};
        });
    request->add_option("target", flags->target, "LogsRequested, MachineInfoRequested, ... (docs/production-hub.md)")
        ->required();
    request->add_option("json", flags->argument, "The one argument");
    request->add_option("--timeout", flags->timeout_ms, "Milliseconds")->check(a_day_of_milliseconds());
    add("wait-client", "Wait until a client is connected",
        [flags] {
            return json{{"timeoutMs", flags->timeout_ms}};
        })
        ->add_option("--timeout", flags->timeout_ms, "Milliseconds")
        ->check(a_day_of_milliseconds());
    add("misbehave", "Misbehave: drop, stall, bad-frame KIND, grpc-fail STATUS next=N, none, ...",
        [flags] {
            return json{{"words", flags->words}};
        })
        ->add_option("words", flags->words, "The misbehaviour (docs/dev-hub.md)")
        ->required();
}

}  // namespace jiro::dev_hub
