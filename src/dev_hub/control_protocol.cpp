// SPDX-License-Identifier: MIT
#include "dev_hub/control_protocol.hpp"

#include <boost/asio/this_coro.hpp>
#include <fstream>

#include "dev_hub/errors.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/task_group.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

namespace {

constexpr int kMaxCount = 1'000'000;

Error wrong(std::string_view member, std::string_view what) {
    return Error(errc::bad_control, "'" + std::string(member) + "' must be " + std::string(what));
}

// Plain functions, not braces inside a coroutine: g++ 12 miscompiles initializer lists there.
json ok_response() { return {{"ok", true}}; }

json error_response(std::string_view text) { return {{"ok", false}, {"error", text}}; }

Result<> read_text(const json& request, const char* name, std::string& out) {
    const auto found = request.find(name);
    if (found == request.end() || found->is_null()) return {};
    if (!found->is_string()) return wrong(name, "a string");
    out = found->get<std::string>();
    return {};
}

Result<> read_flag(const json& request, const char* name, bool& out) {
    const auto found = request.find(name);
    if (found == request.end() || found->is_null()) return {};
    if (!found->is_boolean()) return wrong(name, "true or false");
    out = found->get<bool>();
    return {};
}

Result<> read_duration(const json& request, const char* name, Duration& out) {
    const auto found = request.find(name);
    if (found == request.end() || found->is_null()) return {};
    if (!found->is_number_integer() || found->get<std::int64_t>() < 0 || found->get<std::int64_t>() > 86'400'000) {
        return wrong(name, "milliseconds, 0 to 86400000");
    }
    out = std::chrono::milliseconds(found->get<std::int64_t>());
    return {};
}

Result<> read_parameters(const json& request, Command& command) {
    const auto found = request.find("parameters");
    if (found == request.end() || found->is_null()) return {};
    if (!found->is_object()) return wrong("parameters", "an object of strings");
    for (const auto& [name, value] : found->items()) {
        if (!value.is_string()) return wrong("parameters", "an object of strings");
        command.parameters.emplace_back(name, value.get<std::string>());
    }
    return {};
}

Result<> read_wait(const json& request, SendRequest& out) {
    std::string wait;
    if (auto read = read_text(request, "wait", wait); !read) return read;
    out.wait = out.invocation == Invocation::with_id ? WaitFor::both : WaitFor::result;
    if (wait.empty()) return {};
    if (wait == "none") {
        out.wait = WaitFor::nothing;
    } else if (wait == "completion") {
        out.wait = WaitFor::completion;
    } else if (wait == "result") {
        out.wait = WaitFor::result;
    } else if (wait == "both") {
        out.wait = WaitFor::both;
    } else {
        return wrong("wait", "none, result, completion or both");
    }
    return {};
}

json totals_json(const ResultStore::Totals& totals) {
    return {{"ids", totals.ids},
            {"attempts", totals.attempts},
            {"accepted", totals.accepted},
            {"acceptedIds", totals.accepted_ids},
            {"duplicates", totals.duplicates},
            {"conflicting", totals.conflicting},
            {"failures", totals.failures}};
}

json entry_json(const std::string& id, const ResultStore::Entry& entry) {
    return {{"commandSyncId", id},           {"attempts", entry.attempts},
            {"accepted", entry.accepted},    {"conflicting", entry.conflicting},
            {"isSuccess", entry.is_success}, {"hash", hex(entry.digest)}};
}

// All ids, those in "ids", or totals only ("summary"); into "file", a line each, where there are many.
json results(const DevHub& hub, const json& request) {
    const auto& store = hub.results();
    json response{{"ok", true}, {"totals", totals_json(store.totals())}};
    bool summary = false;
    std::string file;
    if (const auto read = read_flag(request, "summary", summary); !read) return error_response(read.error().message);
    if (const auto read = read_text(request, "file", file); !read) return error_response(read.error().message);
    if (summary) return response;
    if (!file.empty()) {
        std::ofstream out(file, std::ios::trunc);
        for (const auto& [id, entry] : store.entries()) out << to_line(entry_json(id, entry));
        out.flush();
        if (!out) return error_response("can't write " + file);
        return response;
    }
    auto& list = response["results"] = json::array();
    if (const auto ids = request.find("ids"); ids != request.end() && ids->is_array()) {
        for (const auto& id : *ids) {
            const auto* entry = id.is_string() ? store.find(id.get<std::string>()) : nullptr;
            if (entry != nullptr) list.push_back(entry_json(id.get<std::string>(), *entry));
        }
        return response;
    }
    for (const auto& [id, entry] : store.entries()) list.push_back(entry_json(id, entry));
    return response;
}

json clients(const DevHub& hub) {
    json response{{"ok", true}, {"clients", json::array()}};
    for (const auto& client : hub.clients()) {
        response["clients"].push_back(
            {{"connectionId", client.connection_id}, {"peer", client.peer}, {"commandsSent", client.commands_sent}});
    }
    const auto& counters = hub.counters();
    response["counters"] = {{"connections", counters.connections},    {"disconnections", counters.disconnections},
                            {"negotiations", counters.negotiations},  {"refused", counters.refused},
                            {"commandsSent", counters.commands_sent}, {"completions", counters.completions},
                            {"grpcCalls", counters.grpc_calls},       {"grpcRefused", counters.grpc_refused}};
    return response;
}

Task<json> misbehave(DevHub& hub, std::vector<std::string> words) {
    const auto misbehaviour = parse_misbehaviour(words);
    if (!misbehaviour) co_return error_response(misbehaviour.error().message);
    const auto done = co_await hub.misbehave(*misbehaviour);
    if (!done) co_return error_response(done.error().message);
    co_return ok_response();
}

// "words": ["grpc-fail", ...] or "line": "grpc-fail ...".
Result<std::vector<std::string>> misbehaviour_words(const json& request) {
    std::vector<std::string> words;
    if (const auto list = request.find("words"); list != request.end() && list->is_array()) {
        for (const auto& word : *list) {
            if (!word.is_string()) return wrong("words", "an array of strings");
            words.push_back(word.get<std::string>());
        }
        return words;
    }
    std::string line;
    if (const auto read = read_text(request, "line", line); !read) return read.error();
    return split_words(line);
}

// "allowReconnect" and "error", as in `misbehave close`.
Task<json> close(DevHub& hub, json request) {
    Misbehaviour misbehaviour;
    misbehaviour.what = Misbehaviour::What::close;
    auto read = read_flag(request, "allowReconnect", misbehaviour.allow_reconnect);
    if (read) read = read_text(request, "error", misbehaviour.text);
    if (!read) co_return error_response(read.error().message);
    const auto done = co_await hub.misbehave(std::move(misbehaviour));
    if (!done) co_return error_response(done.error().message);
    co_return ok_response();
}

Task<json> wait_client(DevHub& hub, json request) {
    Duration limit = std::chrono::seconds(10);
    if (const auto read = read_duration(request, "timeoutMs", limit); !read) {
        co_return error_response(read.error().message);
    }
    const bool connected = co_await hub.wait_for_client(limit);
    if (!connected) co_return error_response("no client connected in time");
    co_return ok_response();
}

json collect(std::vector<json>& outcomes) {
    json response{{"ok", true}, {"outcomes", json::array()}};
    for (auto& outcome : outcomes) {
        if (!outcome.value("ok", false)) response["ok"] = false;
        response["outcomes"].push_back(std::move(outcome));
    }
    return response;
}

Task<> send_one(DevHub& hub, SendRequest request, std::shared_ptr<std::vector<json>> into, std::size_t place) {
    const auto outcome = co_await hub.send(std::move(request));
    (*into)[place] = to_json(outcome);
}

}  // namespace

Result<SendVerb> parse_send(const json& request) {
    SendVerb verb;
    auto& out = verb.request;
    auto& command = out.command;
    bool invoke = false;
    bool as_string = false;
    Result<> read = read_text(request, "command", command.text);
    if (read) read = read_text(request, "commandSyncId", command.sync_id);
    if (read) read = read_text(request, "instanceId", command.instance_id);
    if (read) read = read_text(request, "sessionId", command.session_id);
    if (read) read = read_text(request, "connectionId", out.connection_id);
    if (read) read = read_text(request, "target", out.target);
    if (read) read = read_flag(request, "invoke", invoke);
    if (read) read = read_flag(request, "string", as_string);
    if (read) read = read_flag(request, "parallel", verb.parallel);
    if (read) read = read_duration(request, "timeoutMs", out.timeout);
    if (read) read = read_duration(request, "clientTimeoutMs", out.client_timeout);
    if (read) read = read_parameters(request, command);
    if (invoke) out.invocation = Invocation::with_id;
    if (as_string) out.argument = ArgumentForm::string;
    if (read) read = read_wait(request, out);
    if (!read) return read.error();
    if (!request.contains("command")) return wrong("command", "given");
    if (const auto count = request.find("count"); count != request.end()) {
        if (!count->is_number_integer() || count->get<std::int64_t>() < 1 || count->get<std::int64_t>() > kMaxCount) {
            return wrong("count", "1 to 1000000");
        }
        verb.count = count->get<int>();
    }
    return verb;
}

json to_json(const ReceivedResult& result) {
    json out{{"commandSyncId", result.sync_id}, {"commandName", result.command_name}, {"sessionId", result.session_id},
             {"isSuccess", result.is_success},  {"hash", hex(result.digest)},         {"bytes", result.size}};
    auto& parameters = out["parameters"] = json::object();
    for (const auto& [name, value] : result.parameters) parameters[name] = value;
    if (result.kind == ReceivedResult::Kind::text) {
        out["commandType"] = "TEXT";
        out["textResult"] = {{"response", result.text}, {"textType", result.text_type}};
    } else if (result.kind == ReceivedResult::Kind::graph) {
        out["commandType"] = "GRAPH";
        out["graphResult"] = {
            {"message", result.graph_message}, {"graphData", result.graph_data}, {"note", result.note},
            {"xAxis", result.x_axis},          {"yAxis", result.y_axis},         {"units", result.units}};
    }
    return out;
}

ReceivedResult result_from_json(const json& object) {
    ReceivedResult out;
    out.sync_id = object.value("commandSyncId", "");
    out.command_name = object.value("commandName", "");
    out.session_id = object.value("sessionId", "");
    out.is_success = object.value("isSuccess", false);
    if (const auto text = object.find("textResult"); text != object.end()) {
        out.kind = ReceivedResult::Kind::text;
        out.text = text->value("response", "");
        out.text_type = text->value("textType", "PLAIN");
    }
    if (const auto graph = object.find("graphResult"); graph != object.end()) {
        out.kind = ReceivedResult::Kind::graph;
        out.graph_message = graph->value("message", "");
        out.graph_data = graph->value("graphData", "");
        out.note = graph->value("note", "");
        out.x_axis = graph->value("xAxis", "");
        out.y_axis = graph->value("yAxis", "");
        out.units = graph->value("units", std::map<std::string, std::string>());
    }
    return out;
}

json to_json(const SendOutcome& outcome) {
    json out{{"commandSyncId", outcome.sync_id},
             {"clients", outcome.clients},
             {"ok", outcome.success()},
             {"elapsedMs", std::chrono::duration<double, std::milli>(outcome.elapsed).count()}};
    if (!outcome.error.empty()) out["error"] = outcome.error;
    if (outcome.result) out["result"] = to_json(*outcome.result);
    if (outcome.completion) {
        auto& completion = out["completion"] = json::object();
        if (outcome.completion->error.empty()) {
            completion["result"] = json_or_null(outcome.completion->result);
        } else {
            completion["error"] = outcome.completion->error;
        }
    }
    return out;
}

Task<json> execute_send(DevHub& hub, SendVerb verb) {
    const auto outcomes = std::make_shared<std::vector<json>>(static_cast<std::size_t>(verb.count));
    TaskGroup group([](const std::exception_ptr&) {});
    const auto executor = co_await boost::asio::this_coro::executor;
    for (std::size_t i = 0; i < outcomes->size(); ++i) {
        auto request = verb.request;
        // One id for many commands would be the same command sent again; a suffix keeps them apart.
        if (verb.count > 1 && !request.command.sync_id.empty()) request.command.sync_id += "-" + std::to_string(i + 1);
        if (verb.parallel) {
            group.spawn(executor, send_one(hub, std::move(request), outcomes, i));
        } else {
            co_await send_one(hub, std::move(request), outcomes, i);
        }
    }
    co_await group.wait();
    co_return collect(*outcomes);
}

Task<json> execute(DevHub& hub, std::string line, bool& quit) {
    const auto request = json_or_null(line);
    if (!request.is_object()) co_return error_response("a request is one JSON object on one line");
    std::string verb;
    if (const auto read = read_text(request, "verb", verb); !read) co_return error_response(read.error().message);
    if (verb == "send") {
        auto send = parse_send(request);
        if (!send) co_return error_response(send.error().message);
        co_return co_await execute_send(hub, std::move(*send));
    }
    if (verb == "clients") co_return clients(hub);
    if (verb == "results") co_return results(hub, request);
    if (verb == "wait-client") co_return co_await wait_client(hub, request);
    if (verb == "misbehave" || verb == "drop") {
        auto words = verb == "drop" ? split_words("drop") : misbehaviour_words(request);
        if (!words) co_return error_response(words.error().message);
        co_return co_await misbehave(hub, std::move(*words));
    }
    if (verb == "close") co_return co_await close(hub, request);
    if (verb == "reset-counters") {
        hub.reset_counters();
        co_return ok_response();
    }
    if (verb == "quit") {
        quit = true;
        co_return ok_response();
    }
    co_return error_response("'" + verb +
                             "' is not a verb: send, clients, results, wait-client, misbehave, close, drop, "
                             "reset-counters, quit");
}

std::string to_line(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

}  // namespace jiro::dev_hub
