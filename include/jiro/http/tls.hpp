// SPDX-License-Identifier: MIT
#pragma once
// TLS for every connection: 1.2 or newer, the system's CAs or CaFile, host name verification, SNI, client
// certificate. Verification is off only where TlsSettings::verify is false.

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/http/settings.hpp"

struct ssl_st;  // OpenSSL's SSL

namespace boost::asio::ssl {
class context;
template <typename Stream>
class stream;
}  // namespace boost::asio::ssl

namespace jiro::http {

// Reads the files off the event loop, within limits.tls. errc::tls_settings_invalid names the file and the reason.
[[nodiscard]] Task<Result<std::shared_ptr<boost::asio::ssl::context>>> make_tls_context(Clock& clock,
                                                                                        TlsSettings settings,
                                                                                        StepLimits limits);

// Whether the server asked for a client certificate and none is configured. With TLS 1.3 it refuses a client without
// one only when the handshake is over for this side: whatever fails then may have this reason.
[[nodiscard]] bool misses_client_certificate(const ssl_st* connection);
inline constexpr const char* kNoClientCertificate =
    "; the server asks for a client certificate: name one in CertificateFile and PrivateKeyFile";

// Names the host (SNI, verification) and performs the handshake within its limit.
[[nodiscard]] Task<Result<void>> tls_handshake(Clock& clock,
                                               boost::asio::ssl::stream<boost::asio::ip::tcp::socket>& stream,
                                               const Endpoint& endpoint);

}  // namespace jiro::http
