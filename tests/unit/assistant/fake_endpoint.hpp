// SPDX-License-Identifier: MIT
#pragma once
// An endpoint on loopback that answers as a test tells it, well or badly: it takes one connection after the other,
// reads a whole request, and writes pieces of bytes with waits between them.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "jiro/base/task.hpp"
#include "jiro/base/text.hpp"

namespace jiro::assistant::test {

inline std::string response(int status, const std::string& type, const std::string& body,
                            const std::string& more_headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" + more_headers + "\r\n" +
           body;
}

// The head of an answer whose pieces follow; it ends with the connection.
inline std::string stream_head() {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
}

inline std::string event(const std::string& data) { return "data: " + data + "\n\n"; }

inline std::string word(const std::string& text) {
    return event(R"({"choices":[{"index":0,"delta":{"content":")" + text + R"("},"finish_reason":null}]})");
}

inline std::string the_end(int prompt_tokens = 12, int completion_tokens = 3, const std::string& reason = "stop") {
    return event(R"({"choices":[{"index":0,"delta":{},"finish_reason":")" + reason + R"("}]})") +
           event(R"({"choices":[],"usage":{"prompt_tokens":)" + std::to_string(prompt_tokens) +
                 R"(,"completion_tokens":)" + std::to_string(completion_tokens) + "}}") +
           event("[DONE]");
}

class FakeEndpoint {
  public:
    struct Step {
        std::string bytes;
        std::chrono::milliseconds wait_before{0};
    };
    using Script = std::vector<Step>;  // then the connection is closed

    static constexpr std::chrono::hours kForEver{1};

    explicit FakeEndpoint(const Executor& executor)
        : executor_(executor), acceptor_(executor, {boost::asio::ip::address_v4::loopback(), 0}) {
        boost::asio::co_spawn(executor, serve(), boost::asio::detached);
    }

    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/v1";
    }

    // Answers to come; the last one is repeated.
    void answer(Script script) { scripts_.push_back(std::move(script)); }
    void answer(std::string bytes) { answer(Script{{std::move(bytes)}}); }

    std::vector<std::string> heads;  // of the requests
    std::vector<std::string> bodies;

  private:
    Task<> serve() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
            if (error) co_return;
            boost::asio::co_spawn(executor_, talk(std::move(socket)), boost::asio::detached);
        }
    }

    Task<> talk(boost::asio::ip::tcp::socket socket) {
        std::string text;
        const auto [error, size] =
            co_await boost::asio::async_read_until(socket, boost::asio::dynamic_buffer(text), "\r\n\r\n", kNoThrow);
        if (error) co_return;
        const std::string head = text.substr(0, size);
        std::string body = text.substr(size);
        const auto at = lower_case(head).find("content-length: ");
        const std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
        const auto missing = length - std::min(length, body.size());
        std::string rest(missing, '\0');
        co_await boost::asio::async_read(socket, boost::asio::buffer(rest), kNoThrow);
        heads.push_back(head);
        bodies.push_back(body + rest);
        const Script script = scripts_.empty() ? Script{} : scripts_.front();
        if (scripts_.size() > 1) scripts_.pop_front();
        boost::asio::steady_timer timer(socket.get_executor());
        for (const Step& step : script) {
            timer.expires_after(step.wait_before);
            co_await timer.async_wait(kNoThrow);
            const auto [failed, written] =
                co_await boost::asio::async_write(socket, boost::asio::buffer(step.bytes), kNoThrow);
            if (failed) co_return;
        }
    }

    Executor executor_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::deque<Script> scripts_;
};

}  // namespace jiro::assistant::test
