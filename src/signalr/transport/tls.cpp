#include "signalr/transport/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl.hpp>

#include "jiro/base/with_timeout.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/transport/dialer.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;
using TlsStream = ssl::stream<asio::ip::tcp::socket>;

namespace {

Error invalid_setting(std::string_view setting, const std::string& file, const error_code& error) {
    return Error(errc::tls_settings_invalid, std::string(setting) + " " + file + " cannot be used: " + error.message());
}

bool is_address(const std::string& host) {
    error_code error;
    static_cast<void>(asio::ip::make_address(host, error));
    return !error;
}

std::string reason_of(TlsStream& stream, const error_code& error) {
    const long verified = SSL_get_verify_result(stream.native_handle());
    if (verified != X509_V_OK) {
        std::string text = "the server's certificate was not accepted: ";
        text += X509_verify_cert_error_string(verified);
        return text + "; check the host name in the URL, the system's CAs or CaFile, and the clock";
    }
    if (error == ssl::error::stream_truncated || error == asio::error::eof || error == asio::error::connection_reset) {
        return "the server hung up; check that the port speaks TLS and whether it wants a client certificate";
    }
    return error.message() + "; check that the port speaks TLS 1.2 or newer";
}

Task<error_code> handshake(TlsStream& stream) {
    const auto [error] = co_await stream.async_handshake(ssl::stream_base::client, kNoThrow);
    co_return error;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const TlsSettings& settings) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    error_code error;
    if (settings.ca_file.empty()) {
        context->set_default_verify_paths(error);
        if (error) return invalid_setting("the system's CAs", "", error);
    } else {
        context->load_verify_file(settings.ca_file, error);
        if (error) return invalid_setting("CaFile", settings.ca_file, error);
    }
    if (!settings.certificate_file.empty()) {
        context->use_certificate_chain_file(settings.certificate_file, error);
        if (error) return invalid_setting("CertificateFile", settings.certificate_file, error);
        const std::string& key =
            settings.private_key_file.empty() ? settings.certificate_file : settings.private_key_file;
        context->use_private_key_file(key, ssl::context::pem, error);
        if (error) return invalid_setting("PrivateKeyFile", key, error);
    }
    context->set_verify_mode(settings.verify ? ssl::verify_peer : ssl::verify_none, error);
    return context;
}

Task<Result<void>> tls_handshake(Clock& clock, TlsStream& stream, const HttpRequest& request) {
    const std::string& host = request.url.host();
    SSL* const handle = stream.native_handle();
    if (request.tls.verify) {
        // OpenSSL's own check, so that its verify result names a mismatch.
        X509_VERIFY_PARAM* const parameters = SSL_get0_param(handle);
        if (is_address(host)) {
            X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str());
        } else {
            X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
        }
    }
    if (!is_address(host)) SSL_set_tlsext_host_name(handle, host.c_str());

    const auto limit = request.limits.tls;
    const auto error = co_await with_timeout(clock, limit, handshake(stream));
    if (!error) {
        co_return Error(errc::tls_timeout,
                        "the TLS handshake with " + request.url.authority() + " took longer than " + limit_text(limit));
    }
    if (*error) {
        co_return Error(errc::tls_failed,
                        "the TLS handshake with " + request.url.authority() + " failed: " + reason_of(stream, *error));
    }
    co_return Result<void>();
}

}  // namespace jiro::signalr
