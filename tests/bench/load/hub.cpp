// SPDX-License-Identifier: MIT
#include "bench/load/hub.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace jiro::bench {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr char kRecordEnd = '\x1e';
constexpr std::uint64_t kNoNumber = ~std::uint64_t{0};
constexpr auto kPingInterval = std::chrono::seconds(10);  // clients want a sign of life each 30 s
constexpr const char* kNegotiated =
    R"({"negotiateVersion":1,"connectionId":"bench","connectionToken":"bench",)"
    R"("availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]}]})";

}  // namespace

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Hub::Hub(asio::io_context& context, Events events)
    : context_(context), acceptor_(context, {asio::ip::make_address("127.0.0.1"), 0}), events_(std::move(events)) {
    asio::co_spawn(context_, accept(), asio::detached);
    asio::co_spawn(context_, ping(), asio::detached);
}

std::uint16_t Hub::port() const { return acceptor_.local_endpoint().port(); }

void Hub::send(std::string record, std::uint64_t number) {
    if (!stream_) return;
    queue_.push_back({std::move(record), number});
    if (queue_.size() == 1) write_next();
}

void Hub::write_next() {
    const Record& record = queue_.front();
    if (record.number != kNoNumber) events_.on_write(record.number);
    stream_->async_write(asio::buffer(record.text), [this](const error_code& error, std::size_t) {
        if (error) return;  // the reader sees the end too, and clears the queue
        queue_.pop_front();
        if (!queue_.empty()) write_next();
    });
}

Task<> Hub::accept() {
    while (true) {
        auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
        if (error) co_return;
        socket.set_option(tcp::no_delay(true));
        asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
    }
}

Task<> Hub::serve(tcp::socket socket) {
    beast::flat_buffer buffer;
    while (true) {
        http::request<http::string_body> request;
        const auto [read_error, size] = co_await http::async_read(socket, buffer, request, kNoThrow);
        if (read_error) co_return;
        if (websocket::is_upgrade(request)) {
            auto stream = std::make_unique<Stream>(std::move(socket));
            const auto [error] = co_await stream->async_accept(request, kNoThrow);
            if (error) co_return;
            Stream& accepted = *stream;
            stream_ = std::move(stream);
            co_await talk(accepted);
            ready_ = false;
            queue_.clear();
            stream_.reset();
            events_.on_lost();
            co_return;
        }
        http::response<http::string_body> response(http::status::ok, request.version());
        response.set(http::field::content_type, "application/json");
        response.keep_alive(request.keep_alive());
        response.body() = kNegotiated;
        response.prepare_payload();
        const auto [write_error, written] = co_await http::async_write(socket, response, kNoThrow);
        if (write_error) co_return;
    }
}

// Everything after the handshake (pings, completions nobody asked for) is read and forgotten.
Task<> Hub::talk(Stream& stream) {
    stream.text(true);
    stream.auto_fragment(false);
    beast::flat_buffer buffer;
    while (true) {
        const auto [error, size] = co_await stream.async_read(buffer, kNoThrow);
        if (error) co_return;
        if (!ready_) {
            send(std::string("{}") + kRecordEnd, kNoNumber);
            ready_ = true;
            events_.on_ready();
        }
        buffer.consume(buffer.size());
    }
}

Task<> Hub::ping() {
    asio::steady_timer timer(context_);
    while (true) {
        timer.expires_after(kPingInterval);
        co_await timer.async_wait(kAwait);
        if (ready_) send(std::string(R"({"type":6})") + kRecordEnd, kNoNumber);
    }
}

}  // namespace jiro::bench
