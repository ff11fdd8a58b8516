// SPDX-License-Identifier: MIT
#pragma once
// The names of what can go wrong in the development hub. None of them ends the server: a connection, a call or a
// control request fails, and the operator reads why.

#include <boost/system/error_code.hpp>
#include <type_traits>

namespace jiro::dev_hub {

enum class errc {
    bad_record = 1,     // a record is not a JSON object of the hub protocol
    record_too_big,     // a client's record is over the server's limit
    bad_handshake,      // the first record is not a handshake request, or asks for what the server lacks
    handshake_timeout,  // no handshake request arrived in time
    connection_closed,  // the peer closed, or the connection broke
    bad_option,         // a flag or an address can't be used
    cannot_listen,      // an address can't be bound
    bad_tls,            // certificate, key or CA can't be loaded
    bad_control,        // a control request is not understood, or the control socket does not answer
    bad_misbehaviour,   // the words after `misbehave` are not understood
    bad_result,         // bytes that came over gRPC are not a ClientMessage
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::dev_hub

template <>
struct boost::system::is_error_code_enum<jiro::dev_hub::errc> : std::true_type {};
