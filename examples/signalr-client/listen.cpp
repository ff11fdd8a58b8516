// SPDX-License-Identifier: MIT
// Connects to a hub, prints what it sends to one of its client's methods, and stays connected, through restarts of the
// hub, until it has printed as many messages as were wanted.
//     listen http://127.0.0.1:5001/instanceHub ReceiveCommand 3
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <iostream>
#include <jiro/signalr/hub_connection.hpp>

using namespace jiro;

namespace {

// One handler for the messages, one loop for the connection; both on the thread that runs the loop.
class Listener {
  public:
    Listener(Executor executor, signalr::Settings settings, std::string target, int wanted)
        : wanted_(wanted), hub_(executor, std::move(settings), {.clock = clock_, .random = random_}) {
        hub_.on_state_changed([](const signalr::StateChange& change) {
            std::cerr << to_string(change.to) << (change.error ? ": " + change.error->message : "") << '\n';
        });
        message_ = hub_.on(std::move(target), signalr::bind<nlohmann::json>([this](nlohmann::json message) -> Task<> {
            std::cout << message.dump() << std::endl;
            if (--wanted_ > 0) co_return;
            co_await hub_.stop();
        }));
    }

    Task<> run() { return hub_.run(); }

  private:
    SystemClock clock_;
    SystemRandom random_;
    int wanted_;
    signalr::HubConnection hub_;
    signalr::Subscription message_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: listen HUB-URL TARGET [MESSAGES]\n";
        return 2;
    }
    auto url = Url::parse(argv[1]);
    if (!url) {
        std::cerr << argv[1] << ": " << url.error().message << '\n';
        return 2;
    }
    signalr::Settings settings;
    settings.hub_url = std::move(*url);
    boost::asio::io_context loop(1);
    Listener listener(loop.get_executor(), std::move(settings), argv[2], argc > 3 ? std::atoi(argv[3]) : 1);
    boost::asio::co_spawn(loop, listener.run(), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    loop.run();
}
