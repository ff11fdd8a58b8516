// SPDX-License-Identifier: MIT
#pragma once
// What can go wrong around the status endpoint, on the serving side (StatusServer::listen) and on the asking side
// (status_client.hpp).

#include <boost/system/error_code.hpp>

namespace jiro::monitor {

enum class errc {
    bad_listen = 1,    // Monitoring.Listen is not an address, a Unix path or off
    path_too_long,     // the Unix socket's path exceeds what the kernel takes
    address_in_use,    // somebody else serves there
    cannot_listen,     // no permission, no such address, no such folder
    not_running,       // nobody listens where the status was asked for
    no_permission,     // the socket is there but this user may not use it
    timeout,           // the answer did not come in time
    answer_too_large,  // the answer exceeds the limit
    answer_malformed,  // the answer is not HTTP, or not the JSON that it should be
    refused,           // an answer other than 200
    busy,              // 503: it has as many connections as it serves
    connection_lost,   // the connection broke before the answer was complete
    switched_off,      // Monitoring.Listen is off
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::monitor

template <>
struct boost::system::is_error_code_enum<jiro::monitor::errc> : std::true_type {};
