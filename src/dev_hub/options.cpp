// SPDX-License-Identifier: MIT
#include "dev_hub/options.hpp"

#include <openssl/crypto.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cstdlib>

#include "dev_hub/errors.hpp"
#include "jiro/base/text.hpp"

namespace jiro::dev_hub {

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return Error(errc::bad_option, "'" + std::string(text) + "' is not ADDRESS:PORT: " + std::string(why));
    };
    Endpoint endpoint;
    const auto colon = text.rfind(':');
    auto host = colon == std::string_view::npos ? std::string_view() : text.substr(0, colon);
    const auto port = colon == std::string_view::npos ? text : text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    if (!host.empty()) endpoint.address = host;

    boost::system::error_code error;
    boost::asio::ip::make_address(endpoint.address, error);
    if (error) return bad("the address is not an IP address");
    const auto number = parse_number<std::uint16_t>(port);
    if (!number) return bad("the port is not in 0..65535");
    endpoint.port = *number;
    return endpoint;
}

std::string Endpoint::text() const {
    const bool is_v6 = address.find(':') != std::string::npos;
    return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::filesystem::path default_control_socket() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && *runtime == '/') return std::filesystem::path(runtime) / "jiro-dev-hub.sock";
    return "/tmp/jiro-dev-hub-" + std::to_string(::getuid()) + ".sock";
}

bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace jiro::dev_hub
