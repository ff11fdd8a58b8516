// SPDX-License-Identifier: MIT
#pragma once
// The hub's side of one client: answers negotiate, accepts one WebSocket, shakes hands, then sends records. One
// WebSocket message a record, as ASP.NET Core does. Each record's moment is taken just before its write begins.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "jiro/base/task.hpp"

namespace jiro::bench {

// Nanoseconds of the monotonic clock, which all processes of a machine share.
[[nodiscard]] std::int64_t now_ns();

class Hub {
  public:
    struct Events {
        std::function<void()> on_ready;                      // handshake answered
        std::function<void()> on_lost;                       // the client is gone
        std::function<void(std::uint64_t number)> on_write;  // just before the record's write
    };

    Hub(boost::asio::io_context& context, Events events);

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] bool is_ready() const noexcept { return ready_; }
    // `number` comes back in on_write.
    void send(std::string record, std::uint64_t number);

  private:
    using Stream = boost::beast::websocket::stream<boost::asio::ip::tcp::socket>;
    struct Record {
        std::string text;
        std::uint64_t number = 0;
    };

    Task<> accept();
    Task<> serve(boost::asio::ip::tcp::socket socket);
    Task<> talk(Stream& stream);
    Task<> ping();
    void write_next();

    boost::asio::io_context& context_;
    boost::asio::ip::tcp::acceptor acceptor_;
    const Events events_;
    std::unique_ptr<Stream> stream_;
    std::deque<Record> queue_;  // the first one is being written
    bool ready_ = false;
};

}  // namespace jiro::bench
