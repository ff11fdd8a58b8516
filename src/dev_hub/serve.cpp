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
#include "dev_hub/errors.hpp"
#include "dev_hub/log.hpp"
#include "dev_hub/misbehaviour.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;

namespace {

struct ServeFlags {
    Options options;
    std::filesystem::path port_file;
    bool quiet = false;
};

// What the flags say before it is checked.
struct Raw {
    std::string hub = "127.0.0.1:0";
    std::string grpc = "127.0.0.1:0";
    std::string token, token_file, api_key, api_key_file;
    std::string certificate, key, client_ca;
    std::string control = default_control_socket().string();
    std::int64_t keep_alive_ms = 15'000;
    std::int64_t client_timeout_ms = 30'000;
    std::uint64_t seed = 0;
    bool json_argument = false;
    bool already_exists = false;
};

Secret read_secret(const std::string& value, const std::string& file) {
    if (file.empty()) return Secret(value);
    std::ifstream in(file);
    if (!in) throw CLI::ValidationError(file, "can't be read");
    std::string text(std::istreambuf_iterator<char>(in), {});
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return Secret(std::move(text));
}

Endpoint read_endpoint(const std::string& flag, const std::string& text) {
    auto endpoint = Endpoint::parse(text);
    if (!endpoint) throw CLI::ValidationError(flag, endpoint.error().message);
    return *endpoint;
}

void fill(ServeFlags& flags, const Raw& raw) {
    auto& options = flags.options;
    options.hub = read_endpoint("--hub", raw.hub);
    options.grpc = read_endpoint("--grpc", raw.grpc);
    options.token = read_secret(raw.token, raw.token_file);
    options.api_key = read_secret(raw.api_key, raw.api_key_file);
    if (!raw.certificate.empty()) options.tls = TlsFiles{raw.client_ca, raw.certificate, raw.key};
    if (!options.hub_path.starts_with('/') || options.hub_path.size() < 2) {
        throw CLI::ValidationError("--hub-path", "must begin with '/' and name something");
    }
    options.control_socket = raw.control == "off" ? "" : raw.control;
    options.keep_alive = std::chrono::milliseconds(raw.keep_alive_ms);
    options.client_timeout = std::chrono::milliseconds(raw.client_timeout_ms);
    // With --json-argument the argument is a JSON string that holds the object.
    if (raw.json_argument) options.argument = ArgumentForm::string;
    if (raw.already_exists) options.duplicates = Duplicates::already_exists;
    for (const auto& line : options.misbehaviours) {
        const auto parsed = parse_misbehaviour(line);
        if (!parsed) throw CLI::ValidationError("--misbehave", parsed.error().message);
    }
}

// What --port-file holds: {"hubUrl":..., "grpcUrl":..., "control":...}; written to a temporary file and renamed.
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

// Runs the server until a signal.
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

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
    const auto raw = std::make_shared<Raw>();
    const auto flags = std::make_shared<ServeFlags>();
    auto& options = flags->options;
    auto* serve_app = app.add_subcommand("serve", "Run the hub and the gRPC server");
    const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{86'400'000});

    serve_app->add_option("--hub", raw->hub, "ADDRESS:PORT of the SignalR hub; port 0: a free one");
    serve_app->add_option("--grpc", raw->grpc, "ADDRESS:PORT of the gRPC server; port 0: a free one");
    serve_app->add_option("--hub-path", options.hub_path, "Path of the hub");
    auto* token = serve_app->add_option("--token", raw->token, "Bearer token that clients must show");
    serve_app->add_option("--token-file", raw->token_file, "File with the token")->excludes(token);
    auto* key = serve_app->add_option("--api-key", raw->api_key, "API key that clients must show");
    serve_app->add_option("--api-key-file", raw->api_key_file, "File with the API key")->excludes(key);
    auto* certificate = serve_app->add_option("--tls-certificate", raw->certificate, "PEM certificate chain, for both");
    auto* tls_key = serve_app->add_option("--tls-key", raw->key, "PEM private key");
    certificate->needs(tls_key);
    tls_key->needs(certificate);
    serve_app->add_option("--tls-client-ca", raw->client_ca, "Require a client certificate signed by this CA")
        ->needs(certificate);
    serve_app->add_option("--control", raw->control, "Control socket, or off");
    serve_app->add_option("--port-file", flags->port_file,
                          "Write the bound addresses here as JSON once everything listens");
    serve_app->add_option("--target", options.target, "The client's method: ReceiveCommand or CommandReceived");
    serve_app->add_flag("--json-argument", raw->json_argument,
                        "Send the command as a JSON string instead of an object");
    serve_app->add_option("--keep-alive-ms", raw->keep_alive_ms, "Interval of the server's pings")->check(positive);
    serve_app->add_option("--client-timeout-ms", raw->client_timeout_ms, "Silence after which a client is dropped")
        ->check(positive);
    serve_app->add_option("--max-receive-bytes", options.max_receive_bytes, "Largest record taken from a client");
    serve_app->add_flag("--already-exists", raw->already_exists, "Answer a repeated result with ALREADY_EXISTS");
    serve_app
        ->add_option("--misbehave", options.misbehaviours, "A misbehaviour from the start, e.g. 'refuse 503 next=2'")
        ->allow_extra_args(false);
    auto* seed = serve_app->add_option("--seed", raw->seed, "Seed of the probabilities");
    serve_app->add_flag("--quiet", flags->quiet, "Log warnings and errors only");
    serve_app->callback([raw, seed, flags, &exit_code] {
        fill(*flags, *raw);
        if (seed->count() > 0) flags->options.seed = raw->seed;
        exit_code = serve(*flags);
    });
}

}  // namespace jiro::dev_hub
