// SPDX-License-Identifier: MIT
#include <signal.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "dev_hub/cli.hpp"
#include "dev_hub/control.hpp"
#include "dev_hub/dev_hub.hpp"
#include "dev_hub/log.hpp"
#include "dev_hub/misbehaviour.hpp"
#include "jiro/base/file.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMostReceiveBytes = std::size_t{1} << 30U;

struct ServeFlags {
    Options options;
    TlsFiles tls;
    std::filesystem::path port_file;
    bool quiet = false;
};

Secret read_secret(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw CLI::ValidationError(file, "can't be read");
    std::string text(std::istreambuf_iterator<char>(in), {});
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return Secret(std::move(text));
}

// What --port-file holds: {"hubUrl":..., "grpcUrl":..., "control":...}.
Result<> write_port_file(const std::filesystem::path& file, const Endpoints& endpoints,
                         const std::filesystem::path& control) {
    const nlohmann::json content{
        {"hubUrl", endpoints.hub_url}, {"grpcUrl", endpoints.grpc_url}, {"control", control.string()}};
    const auto written = write_small_file(file, content.dump(2) + "\n");
    return written ? written : written.error().with_prefix("port file " + file.string());
}

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
        return write_port_file(flags.port_file, *endpoints, socket);
    }

    Task<> run() {
        co_await signals.async_wait(kNoThrow);
        logger.info("Stopping");
        co_await listener.finish(Duration::zero());
        co_await hub.stop();
    }
};

// Runs the server until a signal.
int serve(const ServeFlags& flags) {
    ::signal(SIGPIPE, SIG_IGN);
    log::configure({flags.quiet ? log::Level::warn : log::Level::info, log::Target::console});
    log::register_secret(flags.options.token, "--token");
    log::register_secret(flags.options.api_key, "--api-key");
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

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
    const auto flags = std::make_shared<ServeFlags>();
    auto& options = flags->options;
    options.control_socket = default_control_socket();
    auto* serve_app = app.add_subcommand("serve", "Run the hub and the gRPC server");
    const auto add_endpoint = [serve_app](const std::string& name, Endpoint& endpoint, const char* what) {
        const auto read = [name, &endpoint](const std::string& text) {
            const auto parsed = Endpoint::parse(text);
            if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
            endpoint = *parsed;
        };
        serve_app->add_option_function<std::string>(name, read, what);
    };
    const auto add_secret = [serve_app](const std::string& name, Secret& secret, const char* what,
                                        const char* what_file) {
        const auto take = [&secret](const std::string& text) { secret = Secret(text); };
        const auto read = [&secret](const std::string& file) { secret = read_secret(file); };
        auto* value = serve_app->add_option_function<std::string>(name, take, what);
        serve_app->add_option_function<std::string>(name + "-file", read, what_file)->excludes(value);
    };
    const auto add_time = [serve_app](const std::string& name, Duration& time, const char* what) {
        const auto take = [&time](const std::int64_t& ms) { time = std::chrono::milliseconds(ms); };
        serve_app->add_option_function<std::int64_t>(name, take, what)
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}));
    };
    add_endpoint("--hub", options.hub, "ADDRESS:PORT of the SignalR hub; port 0: a free one");
    add_endpoint("--grpc", options.grpc, "ADDRESS:PORT of the gRPC server; port 0: a free one");
    serve_app->add_option("--hub-path", options.hub_path, "Path of the hub")->check([](const std::string& path) {
        return path.starts_with('/') && path.size() > 1 ? "" : "must begin with '/' and name something";
    });
    add_secret("--token", options.token, "Bearer token that clients must show", "File with the token");
    add_secret("--api-key", options.api_key, "API key that clients must show", "File with the API key");
    auto& tls = flags->tls;
    auto* certificate = serve_app->add_option("--tls-certificate", tls.certificate, "PEM certificate chain, for both");
    auto* tls_key = serve_app->add_option("--tls-key", tls.key, "PEM private key");
    certificate->needs(tls_key);
    tls_key->needs(certificate);
    serve_app->add_option("--tls-client-ca", tls.ca, "Require a client certificate signed by this CA")
        ->needs(certificate);
    serve_app->add_option("--control", options.control_socket, "Control socket, or off");
    serve_app->add_option("--port-file", flags->port_file,
                          "Write the bound addresses here as JSON once everything listens");
    serve_app->add_option("--target", options.target, "The client's method: ReceiveCommand or CommandReceived");
    serve_app->add_flag_callback(
        "--json-argument", [&options] { options.argument = ArgumentForm::string; },
        "Send the command as a JSON string instead of an object");
    add_time("--keep-alive-ms", options.keep_alive, "Interval of the server's pings");
    add_time("--client-timeout-ms", options.client_timeout, "Silence after which a client is dropped");
    serve_app->add_option("--max-receive-bytes", options.max_receive_bytes, "Largest record taken from a client")
        ->check(CLI::Range(std::size_t{1}, kMostReceiveBytes));
    serve_app->add_flag_callback(
        "--already-exists", [&options] { options.duplicates = Duplicates::already_exists; },
        "Answer a repeated result with ALREADY_EXISTS");
    serve_app
        ->add_option("--misbehave", options.misbehaviours, "A misbehaviour from the start, e.g. 'refuse 503 next=2'")
        ->allow_extra_args(false)
        ->check([](const std::string& line) {
            const auto parsed = parse_misbehaviour(line);
            return parsed ? std::string() : parsed.error().message;
        });
    serve_app->add_option("--seed", options.seed, "Seed of the probabilities");
    serve_app->add_flag("--quiet", flags->quiet, "Log warnings and errors only");
    // All of the above refer to what this keeps.
    serve_app->callback([flags, &exit_code] {
        auto& told = flags->options;
        if (!flags->tls.certificate.empty()) told.tls = flags->tls;
        if (told.control_socket == "off") told.control_socket.clear();
        exit_code = serve(*flags);
    });
}

}  // namespace jiro::dev_hub
