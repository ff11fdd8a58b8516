// SPDX-License-Identifier: MIT
#include "signalr/transport/http_client.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "jiro/base/with_timeout.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/transport/client_stream.hpp"

namespace jiro::signalr {

namespace http = boost::beast::http;

namespace {

constexpr std::uint64_t kMaxBodyBytes = 262'144;
constexpr std::uint32_t kMaxHeaderBytes = 32'768;
constexpr int kMaxInterim = 16;  // answers of the 1xx class, such as 103 Early Hints, ahead of the one that counts

http::request<http::empty_body> make_post(const HttpRequest& request) {
    http::request<http::empty_body> post(http::verb::post, request.url.target(), 11);
    post.set(http::field::host, request.url.host_port());
    post.set(http::field::connection, "close");
    for (const auto& [name, value] : request.headers) post.set(name, value);
    post.set(http::field::content_length, "0");
    return post;
}

HttpResponse to_response(http::response<http::string_body> message) {
    HttpResponse response;
    response.status = message.result_int();
    for (const auto& field : message) response.headers.emplace_back(field.name_string(), field.value());
    response.body = std::move(message.body());
    return response;
}

Task<Result<HttpResponse>> exchange(ClientStream& stream, const HttpRequest& request) {
    const auto post = make_post(request);
    const auto [write_error, written] = co_await http::async_write(stream, post, kNoThrow);
    if (write_error) {
        co_return Error(errc::negotiate_failed,
                        "negotiate with " + request.url.redacted() + " could not be sent: " + write_error.message());
    }
    boost::beast::flat_buffer buffer(kMaxHeaderBytes + kMaxBodyBytes);
    for (int interim = 0;; ++interim) {
        http::response_parser<http::string_body> parser;
        parser.header_limit(kMaxHeaderBytes);
        parser.body_limit(kMaxBodyBytes);
        const auto [read_error, count] = co_await http::async_read(stream, buffer, parser, kNoThrow);
        if (read_error) {
            co_return Error(errc::negotiate_failed, "negotiate with " + request.url.redacted() +
                                                        " got no usable HTTP answer: " + read_error.message());
        }
        const bool is_interim = parser.get().result_int() < 200 && parser.get().result_int() != 101;
        if (!is_interim || interim >= kMaxInterim) co_return to_response(parser.release());
    }
}

Task<Result<HttpResponse>> limited_exchange(Clock& clock, ClientStream& stream, const HttpRequest& request) {
    const auto limit = request.limits.negotiate;
    auto response = co_await with_timeout(clock, limit, exchange(stream, request));
    if (!response) {
        co_return Error(errc::negotiate_timeout,
                        "negotiate with " + request.url.redacted() + " took longer than " + limit_text(limit));
    }
    co_return std::move(*response);
}

}  // namespace

Task<Result<HttpResponse>> http_post(Clock& clock, HttpRequest request) {
    auto stream = co_await open_stream(clock, request);
    if (!stream) co_return stream.error();
    co_return co_await limited_exchange(clock, *stream, request);
}

}  // namespace jiro::signalr
