// SPDX-License-Identifier: MIT
#include "jiro/monitor/status_client.hpp"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "jiro/monitor/errors.hpp"
#include "jiro/monitor/status_server.hpp"
#include "status_builder.hpp"
#include "support/temp_dir.hpp"

namespace jiro::monitor {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;

constexpr std::chrono::seconds kLimit{20};

// Listens on a free port and gives the first client `bytes`, then closes.
class OneAnswer {
  public:
    explicit OneAnswer(std::string bytes) : thread_([this, answer = std::move(bytes)] { serve(answer); }) {}
    ~OneAnswer() { thread_.join(); }

    [[nodiscard]] Listen listen() const { return ListenTcp{"127.0.0.1", acceptor_.local_endpoint().port()}; }

  private:
    void serve(const std::string& answer) {
        boost::system::error_code ignored;
        tcp::socket socket(context_);
        acceptor_.accept(socket, ignored);
        std::string request;
        asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", ignored);
        asio::write(socket, asio::buffer(answer), ignored);
    }

    asio::io_context context_;
    tcp::acceptor acceptor_{context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::thread thread_;
};

struct AnswerRow {
    const char* name;
    std::string answer;
    errc code;
};

// Whatever else may listen there, the error says what it did.
TEST(StatusClient, names_what_is_wrong_with_an_answer) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::vector<AnswerRow> rows = {
        {"nothing", "", errc::connection_lost},
        {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", errc::answer_malformed},
        {"half a header", "HTTP/1.1 200 OK\r\nContent-", errc::connection_lost},
        {"half a body", ok + "Content-Length: 100\r\n\r\n{", errc::connection_lost},
        {"HTML", ok + "Content-Length: 6\r\n\r\n<html>", errc::answer_malformed},
        {"a JSON array", ok + "Content-Length: 2\r\n\r\n[]", errc::answer_malformed},
        {"an empty JSON object", ok + "Content-Length: 2\r\n\r\n{}", errc::answer_malformed},
        {"another's state", ok + "Content-Length: 11\r\n\r\n{\"state\":1}", errc::answer_malformed},
        {"404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", errc::refused},
        {"too large, announced", ok + "Content-Length: 99999999\r\n\r\n{}", errc::answer_too_large},
        {"too large, sent", ok + "\r\n" + std::string(kMaxAnswerBytes + 1000, ' '), errc::answer_too_large},
        {"huge extension of a chunk", ok + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(1'000'000, 'x'),
         errc::answer_too_large},
        {"huge header", ok + "X: " + std::string(100'000, 'x') + "\r\n\r\n", errc::answer_too_large},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const OneAnswer server(row.answer);
        const auto status = fetch_status(server.listen(), kLimit);
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, row.code) << status.error().message;
    }
}

// Nobody there, no such file, switched off: each says what to do.
TEST(StatusClient, says_that_nobody_answers) {
    const test::TempDir folder;
    std::uint16_t port = 0;
    {
        asio::io_context context;
        port = tcp::acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
    }
    EXPECT_EQ(fetch_status(ListenTcp{"127.0.0.1", port}, kLimit).error().code, errc::not_running);
    EXPECT_EQ(fetch_status(ListenUnix{folder.path() / "none.sock"}, kLimit).error().code, errc::not_running);
    EXPECT_THAT(fetch_status(ListenUnix{folder.path() / "none.sock"}, kLimit).error().message, HasSubstr("systemctl"));
    EXPECT_EQ(fetch_status(ListenOff{}, kLimit).error().code, errc::switched_off);
    EXPECT_EQ(fetch_status(ListenUnix{"/" + std::string(200, 'x')}, kLimit).error().code, errc::path_too_long);
    EXPECT_EQ(fetch_status(ListenTcp{"nowhere", 1}, kLimit).error().code, errc::bad_listen);
}

// A server that accepts and says nothing.
TEST(StatusClient, does_not_wait_for_ever) {
    asio::io_context context;
    const tcp::acceptor silent(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto status =
        fetch_status(ListenTcp{"127.0.0.1", silent.local_endpoint().port()}, std::chrono::milliseconds(20));

    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, errc::timeout);
    EXPECT_THAT(status.error().message, HasSubstr("20 ms"));
}

Task<RouteReply> echo_route(RouteRequest request) { co_return RouteReply{202, request.body + "?" + request.query}; }

// Client and server together, over TCP and over a Unix socket.
TEST(StatusClient, understands_our_server) {
    const test::TempDir folder;
    for (const Listen& listen : {Listen(ListenTcp{"127.0.0.1", 0}), Listen(ListenUnix{folder.path() / "s"})}) {
        asio::io_context context(1);
        SystemClock clock;
        Routes routes;
        routes["POST /echo"] = echo_route;
        StatusServer server(context.get_executor(), clock, Settings{listen}, connected_status, std::move(routes));
        ASSERT_TRUE(server.listen());
        const Listen local = server.local();
        asio::cancellation_signal stop;
        asio::co_spawn(context, server.run(), asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr) {}));
        std::thread loop([&] { context.run(); });

        const auto status = fetch_status(local, kLimit);
        const auto missing = get(local, "/missing", kLimit);
        const auto reply = post(local, "/echo?q", "text", kLimit);
        asio::post(context, [&] { stop.emit(asio::cancellation_type::all); });
        loop.join();

        ASSERT_TRUE(status) << status.error().message;
        EXPECT_THAT(*status, HasSubstr("\"state\":\"Connected\""));
        ASSERT_TRUE(missing);
        EXPECT_EQ(missing->status, 404);
        ASSERT_TRUE(reply);
        const bool is_unix = std::holds_alternative<ListenUnix>(local);
        EXPECT_EQ(reply->status, is_unix ? 202 : 403);
        if (is_unix) {
            EXPECT_EQ(reply->body, "text?q");
        }
    }
}

}  // namespace
}  // namespace jiro::monitor
