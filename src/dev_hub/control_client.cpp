// SPDX-License-Identifier: MIT
#include "dev_hub/control_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "dev_hub/errors.hpp"
#include "jiro/base/json.hpp"

namespace jiro::dev_hub {

Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request) {
    namespace asio = boost::asio;
    const auto failed = [&](const std::string& why) {
        return Error(errc::bad_control, "control socket " + socket.string() + ": " + why);
    };
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path)) return failed("the path is too long");
    asio::io_context context;
    asio::local::stream_protocol::socket connection(context);
    boost::system::error_code error;
    connection.connect(asio::local::stream_protocol::endpoint(socket.string()), error);
    if (error) return failed(error.message() + "; is `jiro-dev-hub serve` running?");
    const auto line = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    asio::write(connection, asio::buffer(line), error);
    if (error) return failed(error.message());
    std::string answer;
    asio::read_until(connection, asio::dynamic_buffer(answer), '\n', error);
    if (error) return failed("the server ended before it answered: " + error.message());
    auto response = json_or_null(answer);
    if (!response.is_object()) return failed("the answer is not a JSON object");
    return response;
}

}  // namespace jiro::dev_hub
