// SPDX-License-Identifier: MIT
#include "dev_hub/scenario.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <map>
#include <ostream>

#include "dev_hub/chart.hpp"
#include "dev_hub/errors.hpp"

namespace jiro::dev_hub {
namespace {

using Words = std::vector<std::string>;

Error bad_scenario(std::string why) { return Error(errc::bad_scenario, std::move(why)); }

bool read_count(std::string_view text, int& out) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && out >= 0;
}

Result<> read_milliseconds(const Words& words, std::size_t index, Duration fallback, Duration& out) {
    int milliseconds = 0;
    if (index >= words.size()) {
        out = fallback;
        return {};
    }
    if (words.size() > index + 1) return bad_scenario("'" + words[index + 1] + "' is one word too many");
    if (!read_count(words[index], milliseconds))
        return bad_scenario("'" + words[index] + "' is not a number of milliseconds");
    out = std::chrono::milliseconds(milliseconds);
    return {};
}

// send [--id ID] [--session ID] [--instance ID] [--param K=V]... [--timeout MS] [--invoke] [--string] [--no-wait]
// TEXT...
Result<> read_send(const Words& words, Step& step) {
    auto& request = step.send;
    auto& command = request.command;
    bool waits = true;
    std::size_t i = 1;
    for (; i < words.size() && words[i].starts_with("--"); ++i) {
        const auto& flag = words[i];
        if (flag == "--invoke") {
            request.invocation = Invocation::with_id;
        } else if (flag == "--string") {
            request.argument = ArgumentForm::string;
        } else if (flag == "--no-wait") {
            waits = false;
        } else if (i + 1 == words.size()) {
            return bad_scenario("'" + flag + "' needs a value");
        } else if (flag == "--id") {
            command.sync_id = words[++i];
        } else if (flag == "--session") {
            command.session_id = words[++i];
        } else if (flag == "--instance") {
            command.instance_id = words[++i];
        } else if (flag == "--timeout") {
            int milliseconds = 0;
            if (!read_count(words[++i], milliseconds)) return bad_scenario("--timeout needs milliseconds");
            request.timeout = std::chrono::milliseconds(milliseconds);
        } else if (flag == "--param") {
            const auto& pair = words[++i];
            const auto equals = pair.find('=');
            if (equals == std::string::npos) return bad_scenario("--param needs KEY=VALUE");
            command.parameters.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        } else {
            return bad_scenario("'" + flag + "' is not a flag of send");
        }
    }
    if (i == words.size()) return bad_scenario("send needs a command text");
    for (; i < words.size(); ++i) command.text += (command.text.empty() ? "" : " ") + words[i];
    request.wait = !waits                                      ? WaitFor::nothing
                   : request.invocation == Invocation::with_id ? WaitFor::both
                                                               : WaitFor::result;
    return {};
}

Result<> read_expect(const Words& words, Step& step) {
    static const std::map<std::string_view, std::pair<Step::Expect, std::size_t>> kForms{
        {"ok", {Step::Expect::ok, 0}},
        {"error", {Step::Expect::error, 0}},
        {"text", {Step::Expect::text, 1}},
        {"contains", {Step::Expect::contains, 1}},
        {"type", {Step::Expect::type, 1}},
        {"completion", {Step::Expect::completion, 1}},
        {"accepted", {Step::Expect::accepted, 2}},
        {"clients", {Step::Expect::clients, 1}},
    };
    const auto form = words.size() > 1 ? kForms.find(words[1]) : kForms.end();
    if (form == kForms.end())
        return bad_scenario("expect what: ok, error, text, contains, type, completion, accepted, clients");
    const auto [expect, operands] = form->second;
    if (words.size() != 2 + operands)
        return bad_scenario("expect " + words[1] + " takes " + std::to_string(operands) + " words");
    step.expect = expect;
    if (operands > 0) step.text = words[2];
    if ((expect == Step::Expect::accepted || expect == Step::Expect::clients) &&
        !read_count(words.back(), step.number)) {
        return bad_scenario("'" + words.back() + "' is not a count");
    }
    return {};
}

Result<Step> read_step(const Words& words) {
    Step step;
    const auto& verb = words.front();
    Result<> read;
    if (verb == "send") {
        step.what = Step::What::send;
        read = read_send(words, step);
    } else if (verb == "expect") {
        step.what = Step::What::expect;
        read = read_expect(words, step);
    } else if (verb == "wait-client") {
        step.what = Step::What::wait_client;
        read = read_milliseconds(words, 1, std::chrono::seconds(30), step.duration);
    } else if (verb == "wait-result") {
        step.what = Step::What::wait_result;
        if (words.size() < 2) return bad_scenario("wait-result needs a commandSyncId");
        step.text = words[1];
        read = read_milliseconds(words, 2, std::chrono::seconds(30), step.duration);
    } else if (verb == "misbehave") {
        step.what = Step::What::misbehave;
        auto misbehaviour = parse_misbehaviour(Words(words.begin() + 1, words.end()));
        if (!misbehaviour) return misbehaviour.error();
        step.misbehaviour = std::move(*misbehaviour);
    } else if (verb == "sleep") {
        step.what = Step::What::sleep;
        if (words.size() < 2) return bad_scenario("sleep needs milliseconds");
        read = read_milliseconds(words, 1, {}, step.duration);
    } else if (verb == "print" && words.size() == 1) {
        step.what = Step::What::print;
    } else if (verb == "quit" && words.size() == 1) {
        step.what = Step::What::quit;
    } else {
        return bad_scenario("'" + verb +
                            "' is not one of: send, expect, wait-client, wait-result, misbehave, sleep, print, quit");
    }
    if (!read) return read.error();
    return step;
}

std::string type_of(const ReceivedResult& result) {
    return result.kind == ReceivedResult::Kind::graph ? "GRAPH" : result.text_type;
}

std::string content_of(const ReceivedResult& result) {
    return result.kind == ReceivedResult::Kind::graph ? result.graph_message + "\n" + result.graph_data : result.text;
}

// Why the expectation does not hold; empty: it does.
std::string check(const DevHub& hub, const Step& step, const SendOutcome& last) {
    const auto& result = last.result;
    const auto needs_result = [&] { return last.error.empty() ? "there is no result" : last.error; };
    switch (step.expect) {
        case Step::Expect::ok:
            if (last.success()) return {};
            return last.error.empty() ? "the command failed: " + (result ? content_of(*result) : std::string())
                                      : last.error;
        case Step::Expect::error:
            if (!result) return needs_result();
            return result->is_success ? "the command succeeded" : "";
        case Step::Expect::text:
            if (!result) return needs_result();
            return result->text == step.text ? "" : "the text is '" + result->text + "'";
        case Step::Expect::contains:
            if (!result) return needs_result();
            return content_of(*result).find(step.text) != std::string::npos
                       ? ""
                       : "the result is '" + content_of(*result) + "'";
        case Step::Expect::type:
            if (!result) return needs_result();
            return type_of(*result) == step.text ? "" : "the type is " + type_of(*result);
        case Step::Expect::completion: {
            if (!last.completion) return "there is no completion";
            const auto& text = last.completion->error.empty() ? last.completion->result : last.completion->error;
            return text.find(step.text) != std::string::npos ? "" : "the completion is " + text;
        }
        case Step::Expect::accepted: {
            const auto* entry = hub.results().find(step.text);
            const int accepted = entry == nullptr ? 0 : static_cast<int>(entry->accepted);
            return accepted == step.number ? "" : "it was accepted " + std::to_string(accepted) + " times";
        }
        case Step::Expect::clients: {
            const auto count = hub.clients().size();
            return count == static_cast<std::size_t>(step.number) ? "" : std::to_string(count) + " are connected";
        }
    }
    return {};
}

void print(const SendOutcome& last, std::ostream& out) {
    if (last.result) out << render(*last.result);
    if (last.completion) {
        const auto& error = last.completion->error;
        out << "completion: " << (error.empty() ? last.completion->result : error) << "\n";
    }
    if (!last.error.empty()) out << last.error << "\n";
    out.flush();
}

Task<> sleep_for(Duration duration) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, duration);
    co_await timer.async_wait(boost::asio::use_awaitable);
}

// Plays one step; returns why it failed, or nothing.
Task<std::string> play(DevHub& hub, const Step& step, SendOutcome& last, std::ostream& out) {
    switch (step.what) {
        case Step::What::send: {
            auto request = step.send;
            last = co_await hub.send(std::move(request));
            break;
        }
        case Step::What::expect:
            co_return check(hub, step, last);
        case Step::What::wait_client: {
            const bool connected = co_await hub.wait_for_client(step.duration);
            if (!connected) co_return "no client connected in time";
            break;
        }
        case Step::What::wait_result:
            last = SendOutcome();
            last.sync_id = step.text;
            last.result = co_await hub.wait_for_result(step.text, step.duration);
            if (!last.result) co_return "no result came in time";
            break;
        case Step::What::misbehave: {
            auto misbehaviour = step.misbehaviour;
            const auto done = co_await hub.misbehave(std::move(misbehaviour));
            if (!done) co_return done.error().message;
            break;
        }
        case Step::What::sleep:
            co_await sleep_for(step.duration);
            break;
        case Step::What::print:
            print(last, out);
            break;
        case Step::What::quit:
            break;
    }
    co_return std::string();
}

}  // namespace

Result<std::vector<Step>> parse_scenario(std::string_view text) {
    std::vector<Step> steps;
    std::string errors;
    int number = 0;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        const auto words = split_words(line);
        if (words && (words->empty() || words->front().starts_with('#'))) continue;
        auto step = words ? read_step(*words) : Result<Step>(words.error());
        if (step) {
            step->line = number;
            steps.push_back(std::move(*step));
        } else {
            errors += (errors.empty() ? "line " : "\nline ") + std::to_string(number) + ": " + step.error().message;
        }
    }
    if (!errors.empty()) return bad_scenario(std::move(errors));
    return steps;
}

Task<ScenarioReport> run_scenario(DevHub& hub, std::vector<Step> steps, std::ostream& out) {
    ScenarioReport report;
    SendOutcome last;
    last.error = "nothing was sent";
    for (const auto& step : steps) {
        ++report.steps;
        if (step.what == Step::What::quit) break;
        const auto failure = co_await play(hub, step, last, out);
        if (!failure.empty()) {
            report.failures.push_back("line " + std::to_string(step.line) + ": " + failure);
            out << report.failures.back() << std::endl;
        }
    }
    co_return report;
}

}  // namespace jiro::dev_hub
