// SPDX-License-Identifier: MIT
// jiro-interop-stream-client CHECK HUB-URL TOKEN-FILE CA-FILE: connects, does one check, says how it went. Exit code 0:
// it held.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>

#include "jiro/base/race.hpp"
#include "jiro/base/random.hpp"
#include "stream_client/checks.hpp"

namespace {

using namespace jiro;
using signalr::HubConnection;

std::string read_token(const std::string& file) {
    std::ifstream in(file);
    std::string text(std::istreambuf_iterator<char>(in), {});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

Task<bool> connected(HubConnection& hub, Clock& clock) {
    for (int tries = 0; tries < 400 && hub.state() != signalr::State::connected; ++tries) {
        co_await clock.sleep_for(std::chrono::milliseconds(25));
    }
    co_return hub.state() == signalr::State::connected;
}

Task<std::string> attempt(const interop::Check& check, HubConnection& hub, Clock& clock) {
    if (!co_await connected(hub, clock)) {
        const auto why = hub.last_error();
        co_return "not connected within 10 s: " + (why ? why->message : std::string("no error"));
    }
    try {
        co_await check(hub, clock);
    } catch (const std::exception& failure) {
        co_return failure.what();
    }
    co_return std::string();
}

Task<> perform(const interop::Check& check, HubConnection& hub, Clock& clock, std::string& failure) {
    failure = co_await attempt(check, hub, clock);
    co_await hub.stop();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: jiro-interop-stream-client CHECK HUB-URL TOKEN-FILE CA-FILE\n";
        return 2;
    }
    const std::string name = argv[1];
    const auto url = Url::parse(argv[2]);
    const std::string token_file = argv[3];
    const interop::Check* check = nullptr;
    for (const auto& [known, steps] : interop::checks()) {
        if (known == name) check = &steps;
    }
    if (check == nullptr || !url) {
        std::cerr << "no such check, or no such URL\n";
        return 2;
    }

    signalr::Settings settings;
    settings.hub_url = *url;
    settings.tls.ca = argv[4];
    boost::asio::io_context context(1);
    SystemClock clock;
    SystemRandom random;
    signalr::Dependencies dependencies{.clock = clock, .random = random};
    dependencies.credentials = [token_file]() -> Result<Credentials> {
        Credentials credentials;
        credentials.access_token = Secret(read_token(token_file));
        return credentials;
    };
    HubConnection hub(context.get_executor(), settings, std::move(dependencies));

    std::string failure;
    boost::asio::co_spawn(context, all(tasks(hub.run(), perform(*check, hub, clock, failure))),
                          [](const std::exception_ptr& error) {
                              if (error) std::rethrow_exception(error);
                          });
    context.run();
    std::cout << name << ": " << (failure.empty() ? "ok" : failure) << '\n';
    return failure.empty() ? 0 : 1;
}
