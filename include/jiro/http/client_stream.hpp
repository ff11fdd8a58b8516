// SPDX-License-Identifier: MIT
#pragma once
// The bytes between this client and a server, with or without TLS: one type, so that what is built on it (HTTP,
// WebSocket) is compiled once. Included by .cpp files only.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "jiro/http/answer_head.hpp"
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
        if (upgrade_ && !upgrade_->is_over()) {
            return boost::asio::async_compose<Token, void(error_code, std::size_t)>(
                ReadUpgrade<Buffers>{*this, upgrade_, buffers}, token, next_layer());
        }
        return read_socket(buffers, std::forward<Token>(token));
    }
    template <typename Buffers, typename Token>
    BOOST_ASIO_INITFN_AUTO_RESULT_TYPE(Token, void(error_code, std::size_t))
    async_write_some(const Buffers& buffers, Token&& token) {
        return std::visit([&](auto& stream) { return stream.async_write_some(buffers, std::forward<Token>(token)); },
                          stream_);
    }

    // Why an operation of it failed.
    [[nodiscard]] std::string reason(const error_code& error) {
        auto* const tls = std::get_if<TlsStream>(&stream_);
        const bool misses = tls != nullptr && misses_client_certificate(tls->native_handle());
        return error.message() + (misses ? kNoClientCertificate : "");
    }

    // What is read next is the answer to an upgrade: its head comes without the interim ones ahead of it. Of an answer
    // other than 101 the head alone is read, and the reader gets an end of file: no refusal needs its body.
    void expect_upgrade() { upgrade_ = std::make_shared<Upgrade>(); }
    [[nodiscard]] const AnswerHead& upgrade_answer() const { return upgrade_->head; }

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
    struct Upgrade {
        AnswerHead head;
        std::array<char, 2'048> piece{};
        std::size_t given = 0;  // of the head's bytes

        [[nodiscard]] bool is_over() const { return head.is_settled() && given == head.bytes().size(); }
    };

    template <typename Buffers>
    struct ReadUpgrade {
        ClientStream& stream;
        std::shared_ptr<Upgrade> upgrade;
        Buffers buffers;
        bool is_initiated = false;

        template <typename Self>
        void operator()(Self& self, error_code error = {}, std::size_t count = 0) {
            auto& [head, piece, given] = *upgrade;
            if (count > 0) head.feed({piece.data(), count});
            const bool was_initiated = std::exchange(is_initiated, true);
            if (!error && !head.is_settled()) {
                return stream.read_socket(boost::asio::buffer(piece), std::move(self));
            }
            if (!was_initiated) return boost::asio::post(stream.get_executor(), std::move(self));
            if (!error && head.status() != 0 && head.status() != 101) error = boost::asio::error::eof;
            if (error) return self.complete(error, 0);
            const auto copied = boost::asio::buffer_copy(buffers, boost::asio::buffer(head.bytes()) + given);
            given += copied;
            self.complete({}, copied);
        }
    };

    template <typename Buffers, typename Token>
    auto read_socket(const Buffers& buffers, Token&& token) {
        return std::visit([&](auto& stream) { return stream.async_read_some(buffers, std::forward<Token>(token)); },
                          stream_);
    }

    std::shared_ptr<Upgrade> upgrade_;
    std::shared_ptr<boost::asio::ssl::context> context_;  // outlives the stream
    std::variant<Socket, TlsStream> stream_;
};

// Dials, and secures what is https, each step under its own limit.
[[nodiscard]] Task<Result<ClientStream>> open_stream(Clock& clock, const Endpoint& endpoint);

}  // namespace jiro::http
