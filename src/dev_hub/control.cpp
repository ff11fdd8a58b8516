// SPDX-License-Identifier: MIT
#include "dev_hub/control.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <map>

#include "dev_hub/errors.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/text.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

namespace {

constexpr int kMaxCount = 1'000'000;
constexpr std::int64_t kLongestWaitMs = 86'400'000;

// What a verb comes to: the answer's JSON and its HTTP status.
struct Reply {
    json body;
    unsigned status = 200;
};

constexpr unsigned kSenseless = 400;
constexpr unsigned kNoVerb = 404;
constexpr unsigned kClientFailed = 502;  // the client answered, and with an error
constexpr unsigned kPortTaken = 503;     // by somebody else, since it was closed
constexpr unsigned kTooLate = 504;       // no client, or no answer of it, in time or at all

// Plain functions, not braces inside a coroutine: g++ 12 miscompiles initializer lists there.
Reply reply_of(json body) { return {std::move(body)}; }
Reply ok_reply() { return reply_of({{"ok", true}}); }
Reply error_reply(std::string_view text, unsigned status) { return {{{"ok", false}, {"error", text}}, status}; }

// A request's members. What is absent or null leaves `out` as it is; the first that does not fit is the error.
class Members {
  public:
    explicit Members(const json& request) : request_(request) {}

    void read(const char* name, std::string& out) { take(name, out, "a string"); }
    void read(const char* name, bool& out) { take(name, out, "true or false"); }
    void read(const char* name, std::vector<std::string>& out) { take(name, out, "an array of strings"); }
    void read(const char* name, std::int64_t least, std::int64_t most, std::int64_t& out) {
        take(name, out, "a number");
        if (out < least || out > most) wrong(name, std::to_string(least) + " to " + std::to_string(most));
    }
    void read(const char* name, Duration& out) {
        std::int64_t milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(out).count();
        read(name, 0, kLongestWaitMs, milliseconds);
        out = std::chrono::milliseconds(milliseconds);
    }
    void read(const char* name, std::vector<std::pair<std::string, std::string>>& out) {
        std::map<std::string, std::string> pairs;
        take(name, pairs, "an object of strings");
        out.assign(pairs.begin(), pairs.end());
    }

    void wrong(std::string_view name, std::string_view what) {
        if (error_.empty()) error_ = "'" + std::string(name) + "' must be " + std::string(what);
    }
    // What no call of read() named is not ignored: it is a slip of whoever wrote the request, and what is missing or
    // wrong may come of it.
    void refuse_others() {
        for (const auto& [name, value] : request_.items()) {
            if (std::ranges::find(known_, name) != known_.end()) continue;
            error_ = "'" + excerpt(name) + "' is no member of this verb";
            return;
        }
    }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

  private:
    template <typename T>
    void take(const char* name, T& out, std::string_view what) {
        known_.emplace_back(name);
        const auto found = request_.find(name);
        if (found == request_.end() || found->is_null()) return;
        if (!read_value(*found, out)) wrong(name, what);
    }

    const json& request_;
    std::vector<std::string> known_;
    std::string error_;
};

struct SendVerb {
    SendRequest request;
    std::int64_t count = 1;
    bool parallel = false;
};

void read_wait(Members& members, SendRequest& out) {
    static const std::map<std::string, WaitFor> kWaits{{"none", WaitFor::nothing},
                                                       {"completion", WaitFor::completion},
                                                       {"result", WaitFor::result},
                                                       {"both", WaitFor::both}};
    std::string wait = out.invocation == Invocation::with_id ? "both" : "result";
    members.read("wait", wait);
    const auto found = kWaits.find(wait);
    if (found == kWaits.end()) return members.wrong("wait", "none, result, completion or both");
    out.wait = found->second;
    // A completion comes only when it is asked for.
    if (out.wait == WaitFor::completion || out.wait == WaitFor::both) out.invocation = Invocation::with_id;
}

SendVerb read_send(Members& members) {
    SendVerb verb;
    auto& out = verb.request;
    bool invoke = false;
    bool as_string = false;
    members.read("command", out.command.text);
    members.read("commandSyncId", out.command.sync_id);
    members.read("instanceId", out.command.instance_id);
    members.read("sessionId", out.command.session_id);
    members.read("parameters", out.command.parameters);
    members.read("headers", out.command.headers);
    members.read("connectionId", out.connection_id);
    members.read("target", out.target);
    members.read("invoke", invoke);
    members.read("string", as_string);
    members.read("count", 1, kMaxCount, verb.count);
    members.read("parallel", verb.parallel);
    members.read("timeoutMs", out.timeout);
    members.read("clientTimeoutMs", out.client_timeout);
    if (invoke) out.invocation = Invocation::with_id;
    if (as_string) out.argument = ArgumentForm::string;
    read_wait(members, out);
    if (out.command.text.empty()) members.wrong("command", "given");
    return verb;
}

json result_json(const ReceivedResult& result) {
    json out{{"commandSyncId", result.sync_id}, {"commandName", result.command_name}, {"sessionId", result.session_id},
             {"isSuccess", result.is_success},  {"hash", hex(result.digest)},         {"bytes", result.size},
             {"parameters", json::object()}};
    for (const auto& [name, value] : result.parameters) out["parameters"][name] = value;
    if (result.kind == ReceivedResult::Kind::text) {
        out["commandType"] = "TEXT";
        out["textResult"] = {{"response", result.text}, {"textType", result.text_type}};
    } else if (result.kind == ReceivedResult::Kind::graph) {
        const auto& graph = result.graph;
        out["commandType"] = "GRAPH";
        out["graphResult"] = {{"message", graph.message}, {"graphData", graph.data}, {"note", graph.note},
                              {"xAxis", graph.x_axis},    {"yAxis", graph.y_axis},   {"units", json::object()}};
        for (const auto& [member, unit] : graph.units) out["graphResult"]["units"][member] = unit;
    }
    return out;
}

json outcome_json(const SendOutcome& outcome) {
    json out{{"commandSyncId", outcome.sync_id},
             {"clients", outcome.clients},
             {"ok", outcome.success()},
             {"elapsedMs", std::chrono::duration<double, std::milli>(outcome.elapsed).count()}};
    if (!outcome.error.empty()) out["error"] = outcome.error;
    if (outcome.result) out["result"] = result_json(*outcome.result);
    if (outcome.completion) {
        const auto& [result, error, is_lost] = *outcome.completion;
        out["completion"] = error.empty() ? json{{"result", json_or_null(result)}} : json{{"error", error}};
    }
    return out;
}

Task<> send_one(DevHub& hub, SendRequest request, std::shared_ptr<std::vector<json>> into, std::size_t place) {
    const auto outcome = co_await hub.send(std::move(request));
    (*into)[place] = outcome_json(outcome);
}

Reply collect(std::vector<json>& outcomes) {
    json response{{"ok", true}, {"outcomes", json::array()}};
    for (auto& outcome : outcomes) {
        if (!outcome.value("ok", false)) response["ok"] = false;
        response["outcomes"].push_back(std::move(outcome));
    }
    return {std::move(response)};
}

Task<Reply> send(DevHub& hub, SendVerb verb) {
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

json results_json(const ResultStore& store) {
    const auto& totals = store.totals();
    json response{{"ok", true}, {"results", json::array()}};
    response["totals"] = {{"ids", totals.ids},
                          {"attempts", totals.attempts},
                          {"accepted", totals.accepted},
                          {"acceptedIds", totals.accepted_ids},
                          {"duplicates", totals.duplicates},
                          {"conflicting", totals.conflicting},
                          {"failures", totals.failures}};
    for (const auto& [id, entry] : store.entries()) {
        response["results"].push_back({{"commandSyncId", id},
                                       {"attempts", entry.attempts},
                                       {"accepted", entry.accepted},
                                       {"conflicting", entry.conflicting},
                                       {"isSuccess", entry.is_success},
                                       {"hash", hex(entry.digest)}});
    }
    return response;
}

json clients_json(const DevHub& hub) {
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

Task<Reply> misbehave(DevHub& hub, std::vector<std::string> words) {
    const auto misbehaviour = parse_misbehaviour(words);
    if (!misbehaviour) co_return error_reply(misbehaviour.error().message, kSenseless);
    const auto done = co_await hub.misbehave(*misbehaviour);
    if (!done) co_return error_reply(done.error().message, kPortTaken);
    co_return ok_reply();
}

Task<Reply> wait_client(DevHub& hub, Duration limit) {
    const bool is_connected = co_await hub.wait_for_client(limit);
    co_return is_connected ? ok_reply() : error_reply("no client connected in time", kTooLate);
}

Reply request_reply(const Result<ClientResult>& answer) {
    if (!answer) return error_reply(answer.error().message, kTooLate);
    if (!answer->error.empty()) return error_reply(answer->error, answer->connection_lost ? kTooLate : kClientFailed);
    Reply reply = ok_reply();
    reply.body["result"] = json_or_null(answer->result);
    return reply;
}

Task<Reply> request_one(DevHub& hub, ClientRequest request) {
    const auto answer = co_await hub.request(std::move(request));
    co_return request_reply(answer);
}

ClientRequest read_request(Members& members) {
    ClientRequest request;
    members.read("target", request.target);
    members.read("argument", request.argument);
    members.read("timeoutMs", request.timeout);
    members.read("clientTimeoutMs", request.client_timeout);
    if (request.target.empty()) members.wrong("target", "given");
    if (read_json(request.argument, kPatientJsonLimits).has_error()) members.wrong("argument", "JSON text");
    return request;
}

constexpr std::string_view kVerbs[] = {"send", "request", "clients", "results", "wait-client", "misbehave"};

Task<Reply> execute(DevHub& hub, std::string verb, json request) {
    Members members(request);
    SendVerb sent;
    Duration limit = std::chrono::seconds(10);
    std::vector<std::string> words;
    ClientRequest asked;
    if (verb == "send") sent = read_send(members);
    if (verb == "request") asked = read_request(members);
    if (verb == "wait-client") members.read("timeoutMs", limit);
    if (verb == "misbehave") members.read("words", words);
    members.refuse_others();
    if (!members.error().empty()) co_return error_reply(members.error(), kSenseless);
    if (verb == "clients") co_return reply_of(clients_json(hub));
    if (verb == "results") co_return reply_of(results_json(hub.results()));
    auto task = verb == "send"          ? send(hub, std::move(sent))
                : verb == "request"     ? request_one(hub, std::move(asked))
                : verb == "wait-client" ? wait_client(hub, limit)
                                        : misbehave(hub, std::move(words));
    co_return co_await std::move(task);
}

}  // namespace

Task<HttpAnswer> Control::on_request(HttpRequest request) {
    auto object = request.body.empty() ? json::object() : json_or_null(request.body);
    auto verb = request.path.substr(1);
    Reply reply;
    if (std::ranges::find(kVerbs, verb) == std::end(kVerbs)) {
        reply = error_reply("'" + verb + "' is not a verb: send, request, clients, results, wait-client, misbehave",
                            kNoVerb);
    } else if (!object.is_object()) {
        reply = error_reply("the body of a request is one JSON object, or nothing", kSenseless);
    } else {
        auto task = execute(hub_, std::move(verb), std::move(object));
        reply = co_await std::move(task);
    }
    HttpAnswer answer;
    answer.status = reply.status;
    answer.content_type = "application/json";
    answer.body = json_text(reply.body) + "\n";
    co_return answer;
}

}  // namespace jiro::dev_hub
