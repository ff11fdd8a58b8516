// SPDX-License-Identifier: MIT
// The load side of every contestant: a hub on plain WebSocket and a results service on gRPC, both on loopback. Takes
// one phase a line on stdin, prints its figures as one line of JSON:
//   closed in_flight=16 bytes=100 seconds=2 warm_up=0.2 pid=123
//   closed in_flight=256 commands=1000000 pid=123
//   open rate=3000 seconds=2 pid=123
//   quit
// The first line of output names the ports, later ones say when a client came ("connected_at_ns") and went.
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "bench/load/load.hpp"

namespace {

using namespace jiro;
using namespace jiro::bench;
using nlohmann::json;

void print(const json& line) {
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
}

Plan read_plan(std::istringstream words, const std::string& verb) {
    Plan plan;
    if (verb == "open") {
        plan.loop = Plan::Loop::open;
    } else if (verb != "closed") {
        throw std::invalid_argument("closed, open or quit, not " + verb);
    }
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        if (equals == std::string::npos) throw std::invalid_argument("NAME=VALUE, not " + word);
        const std::string name = word.substr(0, equals);
        const double value = std::stod(word.substr(equals + 1));
        if (value < 0) throw std::invalid_argument(word + ": less than 0");
        if (name == "in_flight")
            plan.in_flight = static_cast<int>(value);
        else if (name == "rate")
            plan.rate = value;
        else if (name == "bytes")
            plan.bytes = static_cast<std::size_t>(value);
        else if (name == "seconds")
            plan.seconds = value;
        else if (name == "warm_up")
            plan.warm_up = value;
        else if (name == "commands")
            plan.commands = static_cast<std::uint64_t>(value);
        else if (name == "pid")
            plan.pid = static_cast<pid_t>(value);
        else
            throw std::invalid_argument("unknown: " + name);
    }
    if (plan.loop == Plan::Loop::open && plan.rate <= 0) throw std::invalid_argument("open needs a rate");
    return plan;
}

Task<> obey(Load& load, boost::asio::io_context& context) {
    boost::asio::posix::stream_descriptor input(context, dup(STDIN_FILENO));
    std::string buffer;
    while (true) {
        const auto [error, size] =
            co_await boost::asio::async_read_until(input, boost::asio::dynamic_buffer(buffer), '\n', kNoThrow);
        if (error) break;
        std::istringstream words(buffer.substr(0, size));
        buffer.erase(0, size);
        std::string verb;
        words >> verb;
        if (verb == "quit") break;
        json figures;
        try {
            const Plan plan = read_plan(std::move(words), verb);
            figures = co_await load.run(plan);
        } catch (const std::exception& wrong) {
            figures = json{{"error", wrong.what()}};
        }
        print(figures);
    }
    context.stop();
}

}  // namespace

int main() {
    prctl(PR_SET_TIMERSLACK, 1);  // the open loop's moments are microseconds apart
    boost::asio::io_context context(1);
    Load load(context);
    print({{"hub_port", load.hub_port()}, {"grpc_port", load.grpc_port()}});
    boost::asio::co_spawn(context, obey(load, context), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
    context.run();
}
