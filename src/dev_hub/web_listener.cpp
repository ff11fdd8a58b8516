// SPDX-License-Identifier: MIT
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>

#include "dev_hub/errors.hpp"
#include "dev_hub/log.hpp"
#include "dev_hub/web_connection.hpp"
#include "jiro/base/task_group.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;
using AnyAcceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

namespace {

Result<std::optional<asio::ssl::context>> make_tls(const TlsFiles& files) {
    const auto read = read_tls_files(files);
    if (!read) return Error(errc::bad_tls, read.error().message);
    std::optional<asio::ssl::context> context(asio::ssl::context::tls_server);
    error_code error;
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1);
    context->use_certificate_chain(asio::buffer(read->certificate), error);
    if (!error) context->use_private_key(asio::buffer(read->key), asio::ssl::context::pem, error);
    if (!error && !files.ca.empty()) {
        context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
        context->add_certificate_authority(asio::buffer(read->ca), error);
    }
    if (error) return Error(errc::bad_tls, files.certificate.string() + ": " + error.message());
    return context;
}

}  // namespace

struct WebListener::State : std::enable_shared_from_this<WebListener::State> {
    State(Executor on, Clock& time, WebHandler& to)
        : executor(std::move(on)), clock(time), handler(to), acceptor(executor) {}

    Executor executor;
    Clock& clock;
    WebHandler& handler;
    AnyAcceptor acceptor;
    std::filesystem::path unix_socket;
    std::optional<asio::ssl::context> tls;
    TaskGroup acceptors{[](const std::exception_ptr&) {}};
    TaskGroup connections{[](const std::exception_ptr&) { logger.error("A connection ended with an exception"); }};

    error_code listen(const AnyEndpoint& endpoint) {
        error_code error;
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) {
            error_code ignored;
            acceptor.close(ignored);
            return error;
        }
        acceptors.spawn(executor, accept(shared_from_this()));
        return error;
    }

    static Task<> accept(std::shared_ptr<State> self) {
        while (self->acceptor.is_open()) {
            auto [error, socket] = co_await self->acceptor.async_accept(kNoThrow);
            if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
            if (error) {
                // Out of descriptors, most likely: wait for some to come back.
                co_await self->clock.sleep_for(std::chrono::milliseconds(100));
                continue;
            }
            self->connections.spawn(self->executor, serve(self, std::move(socket)));
        }
    }

    static Task<> serve(std::shared_ptr<State> self, AnySocket socket) {
        auto serving =
            serve_connection(std::move(socket), self->tls ? &*self->tls : nullptr, self->clock, self->handler);
        co_await std::move(serving);
    }

    static Task<> finish(std::shared_ptr<State> self, Duration limit) {
        co_await self->acceptors.wait();
        const auto deadline = self->clock.now() + limit;
        const bool ended = co_await self->connections.wait_until(self->clock, deadline);
        if (ended) co_return;
        self->connections.abort();
        co_await self->connections.wait();
    }
};

WebListener::WebListener(Executor executor, Clock& clock, WebHandler& handler)
    : state_(std::make_shared<State>(std::move(executor), clock, handler)) {}

WebListener::~WebListener() {
    stop_accepting();
    if (!state_->unix_socket.empty()) ::unlink(state_->unix_socket.c_str());
}

Result<std::uint16_t> WebListener::start(const Endpoint& address, const std::optional<TlsFiles>& tls) {
    if (tls) {
        auto context = make_tls(*tls);
        if (!context) return context.error();
        state_->tls = std::move(*context);
    }
    const auto failed = [&](const error_code& error) {
        return Error(errc::cannot_listen, "hub address " + address.text() + ": " + error.message());
    };
    error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(address.address, error), address.port);
    if (error) return failed(error);
    error = state_->listen(endpoint);
    if (error) return failed(error);
    return as_tcp(state_->acceptor.local_endpoint()).port();
}

Result<> WebListener::start(const std::filesystem::path& socket) {
    const auto failed = [&](const std::string& why) {
        return Error(errc::cannot_listen, "control socket " + socket.string() + ": " + why);
    };
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path)) return failed("the path is too long");
    const stream_protocol::endpoint endpoint(socket.string());
    struct stat status {};
    error_code error;
    if (::lstat(socket.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) return failed("exists and is not a socket");
        stream_protocol::socket probe(state_->executor);
        probe.connect(endpoint, error);
        if (!error) return failed("another server answers on it");
        ::unlink(socket.c_str());
    }
    const auto mask = ::umask(0177);
    error = state_->listen(endpoint);
    ::umask(mask);
    if (error) return failed(error.message());
    state_->unix_socket = socket;
    return {};
}

void WebListener::stop_accepting() {
    error_code ignored;
    state_->acceptor.close(ignored);
}

Task<> WebListener::finish(Duration limit) {
    stop_accepting();
    return State::finish(state_, limit);
}

}  // namespace jiro::dev_hub
