// SPDX-License-Identifier: MIT
#pragma once
// The bytes between this client and a server, with or without TLS: one type, so that what is built on it (HTTP,
// WebSocket) is compiled once. Included by .cpp files only.

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <memory>
#include <utility>
#include <variant>

#include "jiro/http/dialer.hpp"
#include "jiro/http/tls.hpp"

namespace jiro::http {

class ClientStream {
  public:
    using Socket = boost::asio::ip::tcp::socket;
    using TlsStream = boost::asio::ssl::stream<Socket>;
    using error_code = boost::system::error_code;
    // Beast's names.
    using next_layer_type = Socket;
    using executor_type = Socket::executor_type;

    explicit ClientStream(Socket socket) : stream_(std::move(socket)) {}
    ClientStream(TlsStream stream, std::shared_ptr<boost::asio::ssl::context> context)
        : context_(std::move(context)), stream_(std::move(stream)) {}

    [[nodiscard]] executor_type get_executor() { return next_layer().get_executor(); }
    [[nodiscard]] Socket& next_layer() {
        auto* const tls = std::get_if<TlsStream>(&stream_);
        return tls != nullptr ? tls->next_layer() : std::get<Socket>(stream_);
    }
    [[nodiscard]] const Socket& next_layer() const { return const_cast<ClientStream*>(this)->next_layer(); }

    template <typename Buffers, typename Token>
    BOOST_ASIO_INITFN_AUTO_RESULT_TYPE(Token, void(error_code, std::size_t))
    async_read_some(const Buffers& buffers, Token&& token) {
        return std::visit([&](auto& stream) { return stream.async_read_some(buffers, std::forward<Token>(token)); },
                          stream_);
    }
    template <typename Buffers, typename Token>
    BOOST_ASIO_INITFN_AUTO_RESULT_TYPE(Token, void(error_code, std::size_t))
    async_write_some(const Buffers& buffers, Token&& token) {
        return std::visit([&](auto& stream) { return stream.async_write_some(buffers, std::forward<Token>(token)); },
                          stream_);
    }

    // Found by Beast when a WebSocket ends.
    template <typename Handler>
    friend void async_teardown(boost::beast::role_type role, ClientStream& stream, Handler&& handler) {
        using boost::beast::websocket::async_teardown;
        std::visit([&](auto& layer) { async_teardown(role, layer, std::forward<Handler>(handler)); }, stream.stream_);
    }
    friend void teardown(boost::beast::role_type role, ClientStream& stream, error_code& error) {
        using boost::beast::websocket::teardown;
        std::visit([&](auto& layer) { teardown(role, layer, error); }, stream.stream_);
    }

  private:
    std::shared_ptr<boost::asio::ssl::context> context_;  // outlives the stream
    std::variant<Socket, TlsStream> stream_;
};

// Dials, and secures what is https, each step under its own limit.
[[nodiscard]] Task<Result<ClientStream>> open_stream(Clock& clock, const Endpoint& endpoint);

}  // namespace jiro::http
