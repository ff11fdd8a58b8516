// SPDX-License-Identifier: MIT
#pragma once
// Which addresses are this machine's own: what is sent there is seen by nobody else, and reaches what listens for this
// machine alone. Heavy (Asio): for .cpp files. Pure.

#include <boost/asio/ip/address.hpp>

namespace jiro {

// Loopback, the unspecified address (connecting there is connecting to loopback), and both as IPv4 within IPv6.
[[nodiscard]] inline bool is_own_address(boost::asio::ip::address address) {
    namespace ip = boost::asio::ip;
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
    }
    return address.is_loopback() || address.is_unspecified();
}

}  // namespace jiro
