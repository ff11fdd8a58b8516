// SPDX-License-Identifier: MIT
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "dev_hub/cli.hpp"
#include "dev_hub/control.hpp"
#include "dev_hub/dev_hub.hpp"
#include "dev_hub/errors.hpp"
#include "dev_hub/log.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;

namespace {

// Everything of one run of `serve`; lives as long as its io_context runs.
struct Server {
    Server(asio::io_context& context, const ServeFlags& with)
        : flags(with),
          hub(context.get_executor(), flags.options),
          signals(context, SIGINT, SIGTERM),
          control(hub),
          listener(context.get_executor(), clock, control) {}

    ServeFlags flags;
    DevHub hub;
    asio::signal_set signals;
    SystemClock clock;
    Control control;
    WebListener listener;

    Result<> start() {
        const auto endpoints = hub.start();
        if (!endpoints) return endpoints.error();
        const auto& socket = flags.options.control_socket;
        if (!socket.empty()) {
            if (const auto started = listener.start(socket); !started) return started.error();
        }
        std::cout << "hub listening on " << endpoints->hub_url << "\n"
                  << "gRPC listening on " << endpoints->grpc_url << "\n";
        if (!socket.empty()) std::cout << "control socket " << socket.string() << "\n";
        std::cout.flush();
        if (flags.port_file.empty()) return {};
        return write_port_file(flags.port_file, endpoints->hub_url, endpoints->grpc_url, socket);
    }

    Task<> run() {
        co_await signals.async_wait(kNoThrow);
        logger.info("Stopping");
        co_await listener.finish(Duration::zero());
        co_await hub.stop();
    }
};

}  // namespace

Result<> write_port_file(const std::filesystem::path& file, const std::string& hub_url, const std::string& grpc_url,
                         const std::filesystem::path& control) {
    const nlohmann::json content{{"hubUrl", hub_url}, {"grpcUrl", grpc_url}, {"control", control.string()}};
    auto temporary = file;
    temporary += ".new";
    std::ofstream out(temporary, std::ios::trunc);
    out << content.dump(2) << "\n";
    out.close();
    std::error_code error;
    if (out) std::filesystem::rename(temporary, file, error);
    if (!out || error) return Error(errc::bad_option, "port file " + file.string() + ": can't be written");
    return {};
}

int serve(const ServeFlags& flags) {
    ::signal(SIGPIPE, SIG_IGN);
    log::configure({flags.quiet ? log::Level::warn : log::Level::info, log::Target::console});
    log::register_secret(flags.options.token);
    log::register_secret(flags.options.api_key);
    asio::io_context context(1);
    auto server = std::make_unique<Server>(context, flags);
    if (const auto started = server->start(); !started) {
        std::cerr << started.error().message << std::endl;
        log::shutdown();
        return 1;
    }
    asio::co_spawn(context, server->run(), [&](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
    context.run();
    if (!flags.port_file.empty()) {
        std::error_code ignored;
        std::filesystem::remove(flags.port_file, ignored);
    }
    server.reset();
    log::shutdown();
    return 0;
}

}  // namespace jiro::dev_hub
