// SPDX-License-Identifier: MIT
#pragma once
// A client that writes raw bytes to a server which runs on the same thread: each wait lets the server's io_context go
// on. No sleeps; kPatience bounds a test that fails.

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "jiro/monitor/settings.hpp"

namespace jiro::monitor {

inline constexpr std::chrono::seconds kPatience{20};

class RawClient {
  public:
    using Protocol = boost::asio::generic::stream_protocol;

    RawClient(boost::asio::io_context& context, const Listen& listen) : context_(context), socket_(context) {
        if (const auto* local = std::get_if<ListenUnix>(&listen)) {
            socket_.connect(boost::asio::local::stream_protocol::endpoint(local->path));
        } else {
            const auto& tcp = std::get<ListenTcp>(listen);
            socket_.connect(boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address(tcp.address), tcp.port));
        }
        socket_.non_blocking(true);
    }

    RawClient& send(std::string_view bytes) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!bytes.empty() && std::chrono::steady_clock::now() < deadline) {
            boost::system::error_code error;
            bytes.remove_prefix(socket_.write_some(boost::asio::buffer(bytes), error));
            if (error && error != boost::asio::error::would_block) break;
            turn();
        }
        return *this;
    }

    // What arrives until `end` is in it, or the server closes.
    std::string receive_until(std::string_view end) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (received_.find(end) == std::string::npos && !closed_ && std::chrono::steady_clock::now() < deadline) {
            turn();
            read_available();
        }
        return received_;
    }

    std::string receive_all() { return receive_until("\xff\xff never sent"); }

    // Lets the server answer as far as it can without time passing.
    std::string receive_available() {
        for (int i = 0; i < 20; ++i) {
            turn();
            read_available();
        }
        return received_;
    }

    [[nodiscard]] bool closed() const { return closed_; }
    void forget() { received_.clear(); }
    void shutdown_send() {
        boost::system::error_code ignored;  // the server may have reset the connection
        socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
    }

  private:
    void turn() {
        context_.restart();
        context_.poll();
    }

    void read_available() {
        char bytes[16384];
        boost::system::error_code error;
        const auto count = socket_.read_some(boost::asio::buffer(bytes), error);
        received_.append(bytes, count);
        if (error && error != boost::asio::error::would_block) closed_ = true;
    }

    boost::asio::io_context& context_;
    Protocol::socket socket_;
    std::string received_;
    bool closed_ = false;
};

}  // namespace jiro::monitor
