// SPDX-License-Identifier: MIT
#pragma once
// Every way in which a request over HTTP can fail before there is an answer, by name. The Error that carries one of
// these says in its message what was being done, with which address, and what the operator can do about it.

#include <boost/system/error_code.hpp>

namespace jiro::http {

enum class errc {
    resolve_failed = 1,    // the name does not resolve
    resolve_timeout,       // name resolution took longer than its limit
    address_refused,       // it resolves to addresses where the connection may not lead (Reach)
    connect_failed,        // every address refused or was unreachable
    connect_timeout,       // no address answered in time
    proxy_refused,         // the proxy answered CONNECT with an error status
    proxy_failed,          // the proxy spoke no HTTP, or hung up
    proxy_timeout,         // the proxy did not answer in time
    tls_settings_invalid,  // CaFile, CertificateFile or PrivateKeyFile cannot be used
    tls_failed,            // the TLS handshake failed; the message has OpenSSL's reason
    tls_timeout,           // the TLS handshake took longer than its limit
    request_failed,        // the connection broke while the request was sent or its answer read, or that is no HTTP
    answer_too_large,      // header or body are over their limits
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::http

template <>
struct boost::system::is_error_code_enum<jiro::http::errc> : std::true_type {};
