// SPDX-License-Identifier: MIT
#include "dev_hub/web_connection.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <cstring>
#include <deque>

#include "dev_hub/errors.hpp"
#include "dev_hub/log.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr bool kNoCompression = false;  // SignalR does not use it
constexpr auto kRequestTimeout = std::chrono::seconds(15);
constexpr auto kCloseTimeout = std::chrono::seconds(5);
constexpr std::size_t kMaxBody = 64U << 20;           // a command may be long
constexpr std::size_t kMostUnparsed = 64U << 10;      // a header, a trailer, a chunk's extension
constexpr std::size_t kMaxSharedMessage = 64 * 1024;  // texts are joined up to this size

// A stream with or without TLS on it.
class HubStream {
  public:
    using next_layer_type = AnySocket;
    using executor_type = AnySocket::executor_type;

    HubStream(AnySocket socket, asio::ssl::context* tls) : socket_(std::move(socket)) {
        if (tls != nullptr) tls_.emplace(socket_, *tls);
    }

    [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }
    [[nodiscard]] next_layer_type& next_layer() { return socket_; }
    [[nodiscard]] const next_layer_type& next_layer() const { return socket_; }
    [[nodiscard]] std::optional<asio::ssl::stream<AnySocket&>>& tls() { return tls_; }

    template <typename Buffers, typename Handler>
    BOOST_ASIO_INITFN_AUTO_RESULT_TYPE(Handler, void(error_code, std::size_t))
    async_read_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
        return socket_.async_read_some(buffers, std::forward<Handler>(handler));
    }
    template <typename Buffers, typename Handler>
    BOOST_ASIO_INITFN_AUTO_RESULT_TYPE(Handler, void(error_code, std::size_t))
    async_write_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
        return socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }

    // Found by Beast when a WebSocket ends. The TCP connection just ends: a close_notify is not waited for.
    template <typename Handler>
    friend void async_teardown(beast::role_type role, HubStream& stream, Handler&& handler) {
        websocket::async_teardown(role, stream.socket_, std::forward<Handler>(handler));
    }

  private:
    AnySocket socket_;
    std::optional<asio::ssl::stream<AnySocket&>> tls_;
};

// One connection: TLS, then HTTP requests, then perhaps a WebSocket for the rest of its life.
class Connection final : public WebSocket, public std::enable_shared_from_this<Connection> {
  public:
    Connection(AnySocket socket, asio::ssl::context* tls, Clock& clock)
        : clock_(clock),
          socket_(std::move(socket), tls),
          idle_(socket_.get_executor()),
          unstalled_(idle_.get_executor()) {
        error_code ignored;
        stream().next_layer().set_option(tcp::no_delay(true), ignored);
        const auto peer = as_tcp(stream().next_layer().remote_endpoint(ignored));
        peer_ = peer.address().to_string() + ":" + std::to_string(peer.port());
        idle_.expires_at(asio::steady_timer::time_point::max());
        unstalled_.expires_at(asio::steady_timer::time_point::max());
    }

    Task<> serve(WebHandler& handler) {
        if (stream().tls()) {
            auto shaking = shake_hands();
            const auto is_secure = co_await with_timeout(clock_, kRequestTimeout, std::move(shaking));
            if (!is_secure) co_return;
        }
        while (true) {
            auto reading = read_request();
            auto request = co_await with_timeout(clock_, kRequestTimeout, std::move(reading));
            if (!request || !*request) co_return;
            auto asking = handler.on_request(describe(**request));
            const auto answer = co_await std::move(asking);
            if (answer.status == 101) {
                const bool is_accepted = co_await accept(std::move(**request));
                if (is_accepted) co_await handler.on_web_socket(shared_from_this(), answer);
                co_return;
            }
            const bool is_written = co_await write_answer(**request, answer);
            if (!is_written) co_return;
        }
    }

    Task<Result<std::string>> read() override {
        const auto [error, size] = co_await socket_.async_read_some(asio::buffer(chunk_), kNoThrow);
        if (error) co_return Error(errc::connection_closed, describe_end(error));
        while (stalled_) {
            co_await unstalled_.async_wait(kNoThrow);
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) {
                co_return Error(errc::connection_closed, "stopped while stalled");
            }
        }
        co_return std::string(chunk_.data(), size);
    }

    void write(std::string bytes, Kind kind) override {
        const bool joins = kind == Kind::text && !queue_.empty() && queue_.back().kind == Kind::text &&
                           queue_.back().close_code == 0 &&
                           queue_.back().bytes.size() + bytes.size() <= kMaxSharedMessage;
        if (joins) {
            queue_.back().bytes += bytes;
        } else {
            push({kind, std::move(bytes), 0});
        }
    }

    void close(std::uint16_t code, std::string reason) override { push({Kind::text, std::move(reason), code}); }

    Task<> drain() override {
        while ((writing_ || !queue_.empty()) && !broken_) co_await idle_.async_wait(kNoThrow);
    }

    void reset() override {
        error_code ignored;
        auto& socket = stream().next_layer();
        socket.set_option(asio::socket_base::linger(true, 0), ignored);  // RST instead of FIN
        socket.close(ignored);
        broken();
    }

    void set_stalled(bool stalled) override {
        stalled_ = stalled;
        if (stalled_) return;
        unstalled_.cancel();
        write_next();
    }

    std::string peer() const override { return peer_; }

  private:
    struct Outgoing {
        Kind kind;
        std::string bytes;
        std::uint16_t close_code;  // not 0: a close frame, `bytes` is its reason
    };
    using Request = http::request<http::string_body>;

    HubStream& stream() { return socket_.next_layer(); }

    Task<> shake_hands() {
        const auto [error] = co_await stream().tls()->async_handshake(asio::ssl::stream_base::server, kNoThrow);
        if (error) {
            logger.warn("TLS handshake failed", {{"peer", peer_}, {"reason", error.message()}});
            throw boost::system::system_error(asio::error::operation_aborted);
        }
    }

    Task<std::optional<Request>> read_request() {
        http::request_parser<http::string_body> parser;
        parser.body_limit(kMaxBody);
        const auto [error, size] = co_await http::async_read(stream(), buffer_, parser, kNoThrow);
        if (error) co_return std::nullopt;
        co_return parser.release();
    }

    static HttpRequest describe(Request& request) {
        HttpRequest out;
        const std::string target(request.target());
        const auto question = target.find('?');
        out.method = std::string(request.method_string());
        out.path = target.substr(0, question);
        if (question != std::string::npos) out.query = target.substr(question + 1);
        out.authorization = std::string(request[http::field::authorization]);
        out.is_upgrade = websocket::is_upgrade(request);
        out.body = std::move(request.body());
        return out;
    }

    Task<bool> write_answer(const Request& request, const HttpAnswer& answer) {
        http::response<http::string_body> response(static_cast<http::status>(answer.status), request.version());
        response.set(http::field::server, "Kestrel (jiro-dev-hub)");
        response.set(http::field::content_type, answer.content_type);
        for (const auto& [name, value] : answer.headers) response.set(name, value);
        response.body() = answer.body;
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        const auto [error, size] = co_await http::async_write(stream(), response, kNoThrow);
        co_return !error && request.keep_alive();
    }

    Task<bool> accept(Request request) {
        websocket::stream_base::timeout limits{};
        limits.handshake_timeout = kCloseTimeout;  // of the upgrade and of the closing handshake
        limits.idle_timeout = websocket::stream_base::none();
        limits.keep_alive_pings = false;
        socket_.set_option(limits);
        socket_.read_message_max(0);  // the limit is per record (RecordBuffer), as in ASP.NET Core
        socket_.auto_fragment(false);
        const auto [error] = co_await socket_.async_accept(request, kNoThrow);
        co_return !error;
    }

    void push(Outgoing outgoing) {
        if (broken_) return;
        queue_.push_back(std::move(outgoing));
        write_next();
    }

    void write_next() {
        if (writing_ || stalled_ || broken_ || queue_.empty()) return;
        writing_ = true;
        current_ = std::move(queue_.front());
        queue_.pop_front();
        auto done = [self = shared_from_this()](error_code error, std::size_t = 0) { self->written(error); };
        if (current_.close_code != 0) {
            websocket::close_reason reason(static_cast<websocket::close_code>(current_.close_code));
            reason.reason = current_.bytes.substr(0, reason.reason.max_size());
            socket_.async_close(reason, std::move(done));
        } else if (current_.kind == Kind::raw) {
            asio::async_write(stream(), asio::buffer(current_.bytes), std::move(done));
        } else {
            socket_.text(current_.kind == Kind::text);
            socket_.async_write(asio::buffer(current_.bytes), std::move(done));
        }
    }

    void written(error_code error) {
        writing_ = false;
        if (error) return broken();
        if (queue_.empty()) idle_.cancel();
        write_next();
    }

    void broken() {
        broken_ = true;
        queue_.clear();
        idle_.cancel();
        unstalled_.cancel();
        stalled_ = false;
    }

    std::string describe_end(error_code error) const {
        if (error == websocket::error::closed) {
            const auto& reason = socket_.reason();
            auto text = "the client closed the WebSocket with code " + std::to_string(reason.code);
            if (!reason.reason.empty()) text += ": " + std::string(reason.reason.data(), reason.reason.size());
            return text;
        }
        return error.message();
    }

    Clock& clock_;
    websocket::stream<HubStream, kNoCompression> socket_;
    asio::steady_timer idle_;                   // cancelled when the queue runs empty
    asio::steady_timer unstalled_;              // cancelled when a stall ends
    beast::flat_buffer buffer_{kMostUnparsed};  // HTTP
    std::array<char, 32 * 1024> chunk_{};
    std::string peer_;
    std::deque<Outgoing> queue_;
    Outgoing current_{};
    bool writing_ = false;
    bool stalled_ = false;
    bool broken_ = false;
};

}  // namespace

tcp::endpoint as_tcp(const AnyEndpoint& any) {
    tcp::endpoint out;
    if (any.size() == 0 || any.data()->sa_family == AF_UNIX) return out;
    out.resize(any.size());
    std::memcpy(out.data(), any.data(), any.size());
    return out;
}

Task<> serve_connection(AnySocket socket, asio::ssl::context* tls, Clock& clock, WebHandler& handler) {
    const auto connection = std::make_shared<Connection>(std::move(socket), tls, clock);
    co_await connection->serve(handler);
}

}  // namespace jiro::dev_hub
