// SPDX-License-Identifier: MIT
#include "jiro/http/client.hpp"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "jiro/http/client_stream.hpp"
#include "jiro/http/errors.hpp"

namespace jiro::http {

namespace beast = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint32_t kMaxHeaderBytes = 32'768;
constexpr std::size_t kPieceBytes = 16'384;

using Parser = beast::response_parser<beast::buffer_body>;
using Message = beast::request<beast::string_body>;

Message to_message(Request request) {
    Message message(beast::verb::post, request.url.target(), 11);
    message.method_string(request.method);
    message.set(beast::field::host, request.url.host_port());
    message.set(beast::field::connection, "close");
    for (const auto& [name, value] : request.headers) message.set(name, value);
    message.body() = std::move(request.body);
    message.prepare_payload();
    return message;
}

Error read_error(ClientStream& stream, const error_code& error) {
    if (error == beast::error::header_limit || error == beast::error::buffer_overflow)
        return Error(errc::answer_too_large, "got an answer whose header is too long");
    return Error(errc::request_failed, "got no usable HTTP answer: " + stream.reason(error));
}

}  // namespace

struct Connection::Impl {
    explicit Impl(ClientStream opened) : stream(std::move(opened)), buffer(kMaxHeaderBytes + kPieceBytes) {}

    Task<error_code> read_head() {
        for (int interim = 0;; ++interim) {
            parser.emplace();
            parser->header_limit(kMaxHeaderBytes);
            parser->body_limit(boost::none);  // the caller's
            const auto [error, count] = co_await beast::async_read_header(stream, buffer, *parser, kNoThrow);
            if (error) co_return error;
            if (!is_interim(parser->get().result_int()) || interim >= kMaxInterimAnswers) co_return error;
        }
    }

    ClientStream stream;
    boost::beast::flat_buffer buffer;
    std::optional<Parser> parser;
    std::array<char, kPieceBytes> piece{};
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Task<Result<Connection>> Connection::open(Clock& clock, Endpoint endpoint) {
    auto stream = co_await open_stream(clock, endpoint);
    if (!stream) co_return stream.error();
    co_return Connection(std::make_unique<Impl>(std::move(*stream)));
}

Task<Result<Response>> Connection::ask(Request request) {
    const auto message = to_message(std::move(request));
    const auto [write_error, written] = co_await beast::async_write(impl_->stream, message, kNoThrow);
    const error_code error = co_await impl_->read_head();
    if (error && write_error)
        co_return Error(errc::request_failed, "could not be sent: " + impl_->stream.reason(write_error));
    if (error) co_return read_error(impl_->stream, error);
    Response head;
    head.status = impl_->parser->get().result_int();
    for (const auto& field : impl_->parser->get()) head.headers.emplace_back(field.name_string(), field.value());
    co_return head;
}

Task<Result<std::string_view>> Connection::read_some() {
    auto& parser = *impl_->parser;
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = impl_->piece.data();
        body.size = impl_->piece.size();
        const auto [error, count] = co_await beast::async_read_some(impl_->stream, impl_->buffer, parser, kNoThrow);
        if (error && error != beast::error::need_buffer) {
            co_return Error(errc::request_failed,
                            "the connection broke in the middle of the answer: " + error.message());
        }
        const auto got = impl_->piece.size() - body.size;
        if (got > 0) co_return std::string_view(impl_->piece.data(), got);
    }
    co_return std::string_view();
}

Task<Result<std::string>> Connection::read_all(std::size_t limit) {
    std::string all;
    for (;;) {
        const auto piece = co_await read_some();
        if (!piece) co_return piece.error();
        if (piece->empty()) co_return all;
        if (all.size() + piece->size() > limit) {
            co_return Error(errc::answer_too_large, "its answer is longer than " + std::to_string(limit) + " bytes");
        }
        all += *piece;
    }
}

}  // namespace jiro::http
