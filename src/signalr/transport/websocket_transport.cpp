// SPDX-License-Identifier: MIT
// The WebSocket, by Beast: text messages out, bytes in, no pings of its own (SignalR has them), no compression; and the
// Connector that opens it.
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "jiro/base/with_timeout.hpp"
#include "jiro/http/client.hpp"
#include "jiro/http/client_stream.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/transport/network_error.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

namespace {

constexpr bool kNoCompression = false;          // SignalR does not use it; without it Beast is a third smaller
constexpr std::size_t kMaxBodyBytes = 262'144;  // of an answer to negotiate
constexpr std::size_t kReceiveBytes = 32'768;
constexpr std::size_t kWriteBufferBytes = 16'384;
// Messages are streamed and the record splitter limits records, so memory is not at stake; but a frame that announces
// more than this is no hub's, and waiting for its end would only end at the server timeout.
constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 30U;

Error receive_error(const error_code& error, const websocket::close_reason& reason) {
    if (error == websocket::error::closed) {
        if (reason.code == websocket::close_code::normal || reason.code == websocket::close_code::none) {
            return Error(errc::connection_lost, "the server closed the WebSocket without a hub Close message");
        }
        std::string text = "the server closed the WebSocket with code " + std::to_string(reason.code);
        if (reason.code == websocket::close_code::too_big) {
            text +=
                " (message too big): a message of ours is over the server's MaximumReceiveMessageSize (32 KB by "
                "default)";
        }
        if (!reason.reason.empty()) text += ": " + std::string(reason.reason.c_str());
        return Error(errc::websocket_closed, std::move(text));
    }
    if (error == websocket::error::message_too_big) {
        return Error(errc::message_too_big, "the server announced a WebSocket message that is too big (over 1 GiB)");
    }
    if (error == websocket::error::bad_frame_payload) {
        return Error(errc::invalid_utf8, "the server sent a text message that is not valid UTF-8");
    }
    if (error.category() == make_error_code(websocket::error::closed).category()) {
        return Error(errc::protocol_error, "the server broke the WebSocket protocol: " + error.message());
    }
    return Error(errc::connection_lost, "the connection was lost: " + error.message());
}

class BeastTransport final : public Transport {
  public:
    BeastTransport(http::ClientStream stream, std::chrono::milliseconds close_limit)
        : websocket_(std::move(stream)), close_limit_(close_limit), closing_(websocket_.get_executor()) {
        websocket::stream_base::timeout none{};
        none.handshake_timeout = websocket::stream_base::none();
        none.idle_timeout = websocket::stream_base::none();
        none.keep_alive_pings = false;
        websocket_.set_option(none);  // every limit is the connection's own
        websocket_.read_message_max(kMaxMessageBytes);
        websocket_.auto_fragment(false);
        websocket_.write_buffer_bytes(kWriteBufferBytes);
        websocket_.text(true);
        websocket_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
            if (kind != websocket::frame_type::close) return;
            got_close_frame_ = true;
            abort_later();
        });
    }

    [[nodiscard]] std::string reason(const error_code& error) { return websocket_.next_layer().reason(error); }

    Task<Upgrade> upgrade(const HttpRequest& request, error_code& error) {
        websocket_.set_option(websocket::stream_base::decorator([&request](websocket::request_type& message) {
            for (const auto& [name, value] : request.headers) message.set(name, value);
        }));
        http::ClientStream& stream = websocket_.next_layer();
        stream.expect_upgrade();
        const auto [result] =
            co_await websocket_.async_handshake(request.url.host_port(), request.url.target(), kNoThrow);
        websocket_.set_option(websocket::stream_base::decorator([](websocket::request_type&) {}));
        const http::AnswerHead& head = stream.upgrade_answer();
        const bool is_refused = head.status() != 0 && head.status() != 101;
        error = is_refused ? make_error_code(websocket::error::upgrade_declined) : result;
        Upgrade upgrade;
        upgrade.response = head.response();
        co_return upgrade;
    }

    Task<Result<void>> send(std::string_view text) override {
        const auto [error, count] = co_await websocket_.async_write(asio::buffer(text), kNoThrow);
        if (error) co_return Error(errc::send_failed, "sending to the server failed: " + error.message());
        co_return Result<void>();
    }

    Task<Result<std::string_view>> receive() override {
        const auto [error, count] = co_await websocket_.async_read_some(asio::buffer(received_), kNoThrow);
        if (error) {
            if (!close_code() && error != websocket::error::closed) co_return receive_error(error, {});
            co_return receive_error(websocket::error::closed, websocket_.reason());
        }
        co_return std::string_view(received_.data(), count);
    }

    std::optional<std::uint16_t> close_code() const override {
        const auto code = static_cast<std::uint16_t>(websocket_.reason().code);
        // The frame may have no code; where close() reads it, nobody is told of it.
        return got_close_frame_ || code != 0 ? std::optional(code) : std::nullopt;
    }

    Task<> close(std::uint16_t code) override {
        const websocket::close_reason reason(static_cast<websocket::close_code>(code));
        abort_later();
        const auto [error] = co_await websocket_.async_close(reason, kNoThrow);
        static_cast<void>(error);  // the connection ends either way
    }

    void abort() override {
        error_code ignored;
        boost::beast::get_lowest_layer(websocket_).close(ignored);
    }

  private:
    // After the close frames Beast waits until the server closes TCP as well: with no limit, and no cancellation ends
    // it.
    void abort_later() {
        closing_.expires_after(close_limit_);
        closing_.async_wait([self = std::weak_ptr(alive_)](error_code error) {
            if (const auto transport = self.lock(); transport && !error) (*transport)->abort();
        });
    }

    websocket::stream<http::ClientStream, kNoCompression> websocket_;
    std::chrono::milliseconds close_limit_;
    asio::steady_timer closing_;
    std::shared_ptr<BeastTransport*> alive_ = std::make_shared<BeastTransport*>(this);  // for what outlives this
    bool got_close_frame_ = false;
    std::array<char, kReceiveBytes> received_{};
};

Task<Result<Upgrade>> upgrade_over(Clock& clock, http::ClientStream stream, const HttpRequest& request) {
    auto transport = std::make_unique<BeastTransport>(std::move(stream), request.limits.close);
    const auto limit = request.limits.upgrade;
    error_code error;
    auto upgrade = co_await with_timeout(clock, limit, transport->upgrade(request, error));
    if (!upgrade) {
        co_return Error(errc::upgrade_timeout, "the WebSocket upgrade at " + request.url.redacted() +
                                                   " took longer than " + milliseconds_text(limit));
    }
    if (error && error != websocket::error::upgrade_declined) {
        co_return Error(errc::upgrade_failed,
                        "the WebSocket upgrade at " + request.url.redacted() + " failed: " + transport->reason(error));
    }
    if (!error) upgrade->transport = std::move(transport);
    co_return std::move(*upgrade);
}

Task<Result<Upgrade>> open_websocket(Clock& clock, HttpRequest request) {
    const auto endpoint = endpoint_of(request);
    auto stream = co_await http::open_stream(clock, endpoint);
    if (!stream) co_return named_for_hub(stream.error(), errc::upgrade_failed);
    co_return co_await upgrade_over(clock, std::move(*stream), request);
}

Task<Result<HttpResponse>> exchange(http::Connection& connection, HttpRequest request) {
    http::Request post{request.url, std::move(request.headers), {}};
    auto answer = co_await connection.ask(std::move(post));
    if (!answer || answer->status != 200) co_return answer;  // what a refusal says is in its head
    auto body = co_await connection.read_all(kMaxBodyBytes);
    if (!body) co_return body.error();
    answer->body = std::move(*body);
    co_return answer;
}

// An empty body: negotiate.
Task<Result<HttpResponse>> post(Clock& clock, HttpRequest request) {
    auto endpoint = endpoint_of(request);
    auto connection = co_await http::Connection::open(clock, std::move(endpoint));
    if (!connection) co_return named_for_hub(connection.error(), errc::negotiate_failed);
    const std::string what = "negotiate with " + request.url.redacted() + ' ';
    const auto limit = request.limits.negotiate;
    auto exchanging = exchange(*connection, std::move(request));
    auto response = co_await with_timeout(clock, limit, std::move(exchanging));
    if (!response) co_return Error(errc::negotiate_timeout, what + "took longer than " + milliseconds_text(limit));
    if (!*response) co_return Error(errc::negotiate_failed, what + response->error().message);
    co_return std::move(*response);
}

class BeastConnector final : public Connector {
  public:
    explicit BeastConnector(Clock& clock) : clock_(clock) {}

    Task<Result<HttpResponse>> post(HttpRequest request) override { return signalr::post(clock_, std::move(request)); }
    Task<Result<Upgrade>> open(HttpRequest request) override { return open_websocket(clock_, std::move(request)); }

  private:
    Clock& clock_;
};

}  // namespace

std::shared_ptr<Connector> make_beast_connector(Clock& clock) { return std::make_shared<BeastConnector>(clock); }

}  // namespace jiro::signalr
