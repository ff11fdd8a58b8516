// SPDX-License-Identifier: MIT
#pragma once
// The one HTTP/1.1 client: a connection for one request, whose answer is read whole or piece by piece as it comes.
// Redirects are not followed, so that credentials go nowhere but to the server that they are for. Event loop only.
//
//     auto connection = co_await http::Connection::open(clock, endpoint);  // each step under its own limit
//     const auto head = co_await connection->ask(request);                 // status and headers
//     const auto body = co_await connection->read_all(kMaxBodyBytes);
//
// What follows open() has no time limit of its own: the caller knows what it waits for (with_timeout). A connection on
// which something failed or was cancelled is of no more use.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/http/message.hpp"
#include "jiro/http/settings.hpp"

namespace jiro::http {

struct Request {
    Url url;
    Headers headers;  // without Host, Connection and Content-Length, which are the client's own
    std::string body;
    std::string_view method = "POST";
};

class Connection {
  public:
    // Resolves, connects, through the proxy if there is one, and secures what is https.
    [[nodiscard]] static Task<Result<Connection>> open(Clock& clock, Endpoint endpoint);
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Sends the request, and reads up to the body of the answer, which may have any status; those of the 1xx class are
    // skipped. Also when the server answers before it has read everything.
    [[nodiscard]] Task<Result<Response>> ask(Request request);

    // The next bytes of the body, cut anywhere; valid until the next call. Empty: that was all.
    [[nodiscard]] Task<Result<std::string_view>> read_some();
    // The rest of it.
    [[nodiscard]] Task<Result<std::string>> read_all(std::size_t limit);

  private:
    struct Impl;
    explicit Connection(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace jiro::http
