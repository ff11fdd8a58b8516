// SPDX-License-Identifier: MIT
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "dev_hub/control.hpp"
#include "dev_hub/errors.hpp"
#include "jiro/base/json.hpp"

namespace jiro::dev_hub {

Result<nlohmann::json> ask(const std::filesystem::path& socket, const std::string& verb,
                           const nlohmann::json& request) {
    using boost::asio::local::stream_protocol;
    namespace http = boost::beast::http;
    const auto failed = [&](const std::string& why) {
        return Error(errc::bad_control, "control socket " + socket.string() + ": " + why);
    };
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path)) return failed("the path is too long");
    boost::asio::io_context context;
    stream_protocol::socket connection(context);
    boost::system::error_code error;
    connection.connect(stream_protocol::endpoint(socket.string()), error);
    if (error) return failed(error.message() + "; is `jiro-dev-hub serve` running?");
    http::request<http::string_body> message(http::verb::post, "/" + verb, 11);
    message.set(http::field::host, "localhost");
    message.keep_alive(false);
    message.body() = json_text(request);
    message.prepare_payload();
    http::write(connection, message, error);
    if (error) return failed(error.message());
    boost::beast::flat_buffer buffer(64U << 10);
    http::response_parser<http::string_body> answer;
    answer.body_limit(boost::none);
    http::read(connection, buffer, answer, error);
    if (error) return failed("the server ended before it answered: " + error.message());
    auto response = json_or_null(answer.get().body());
    if (!response.is_object()) return failed("the answer is not a JSON object");
    return response;
}

}  // namespace jiro::dev_hub
