// SPDX-License-Identifier: MIT
#include "jiro/http/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl.hpp>

#include "jiro/base/outside_calls.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/http/errors.hpp"

namespace jiro::http {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;
using TlsStream = ssl::stream<asio::ip::tcp::socket>;

namespace {

using ContextPtr = std::shared_ptr<ssl::context>;

constexpr std::size_t kMaxBuilders = 4;

OutsideFunctions<Result<ContextPtr>>& context_builders() {
    static auto& functions = *new OutsideFunctions<Result<ContextPtr>>("tls files", kMaxBuilders);
    return functions;
}

// In an SSL: the server asked for a certificate that is not there.
int wish_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int note_wish(SSL* connection, X509**, EVP_PKEY**) {
    static char noted = 0;
    SSL_set_ex_data(connection, wish_index(), &noted);
    return 0;  // goes on without
}

// Asio's own function passes over certificates with settings of trust.
void trust(ssl::context& context, const std::string& pem, error_code& error) {
    const auto certificates = certificates_in(pem);
    if (!certificates) error = certificates.error().code;
    X509_STORE* const store = SSL_CTX_get_cert_store(context.native_handle());
    for (std::size_t i = 0; !error && i < certificates->size(); ++i) {
        if (X509_STORE_add_cert(store, (*certificates)[i].get()) == 1) continue;
        error = error_code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
    }
}

// Reads files, the system's too.
Result<ContextPtr> build_context(const TlsSettings& settings) {
    const auto material = read_tls_files(settings);
    if (!material) return Error(errc::tls_settings_invalid, material.error().message);
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    const auto buffer = [](const std::string& text) { return asio::buffer(text.data(), text.size()); };
    error_code error;
    if (material->ca.empty()) {
        context->set_default_verify_paths(error);
    } else {
        trust(*context, material->ca, error);
    }
    if (material->certificate.empty()) SSL_CTX_set_client_cert_cb(context->native_handle(), note_wish);
    if (!error && !material->certificate.empty()) {
        context->use_certificate_chain(buffer(material->certificate), error);
        if (!error) context->use_private_key(buffer(material->key), ssl::context::pem, error);
    }
    if (!error) context->set_verify_mode(settings.verify ? ssl::verify_peer : ssl::verify_none, error);
    if (!error) return context;
    return Error(errc::tls_settings_invalid, "the files of the Tls section cannot be used: " + error.message());
}

bool is_address(const std::string& host) {
    error_code error;
    static_cast<void>(asio::ip::make_address(host, error));
    return !error;
}

// An alert of the server's, which has had no other certificate than ours to look at.
bool is_about_our_certificate(const error_code& error) {
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    static constexpr std::array kAlerts{
        SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,     SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
        SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
        SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA};
    return error.category() == asio::error::get_ssl_category() && std::ranges::find(kAlerts, reason) != kAlerts.end();
}

std::string reason_of(TlsStream& stream, const error_code& error) {
    SSL* const handle = stream.native_handle();
    const long verified = SSL_get_verify_result(handle);  // OpenSSL looks also where nobody asks for it
    if (verified != X509_V_OK && SSL_get_verify_mode(handle) != SSL_VERIFY_NONE) {
        std::string text = "the server's certificate was not accepted: ";
        text += X509_verify_cert_error_string(verified);
        return text + "; check the host name in the URL, the system's CAs or CaFile, and the clock";
    }
    if (misses_client_certificate(handle)) return error.message() + kNoClientCertificate;
    if (error == ssl::error::stream_truncated || error == asio::error::eof || error == asio::error::connection_reset) {
        return "the server hung up; check that the port speaks TLS";
    }
    if (is_about_our_certificate(error)) {
        return error.message() + "; the server does not accept the certificate in CertificateFile";
    }
    return error.message() + "; check that the port speaks TLS 1.2 or newer";
}

Task<error_code> handshake(TlsStream& stream) {
    const auto [error] = co_await stream.async_handshake(ssl::stream_base::client, kNoThrow);
    co_return error;
}

}  // namespace

bool misses_client_certificate(const ssl_st* connection) {
    return SSL_get_ex_data(connection, wish_index()) != nullptr;
}

Task<Result<std::shared_ptr<ssl::context>>> make_tls_context(Clock& clock, TlsSettings settings, StepLimits limits) {
    const std::string key = names_of(settings) + (settings.verify ? "" : "\nunverified");
    std::function<Result<ContextPtr>()> build = [settings] { return build_context(settings); };
    auto context = co_await context_builders().run(key, std::move(build), clock, limits.tls);
    if (context) co_return std::move(*context);
    co_return Error(errc::tls_settings_invalid,
                    "reading the system's CAs, CaFile, CertificateFile or PrivateKeyFile "
                    "took longer than " +
                        milliseconds_text(limits.tls) + "; is one of them on a mount that does not answer?");
}

Task<Result<void>> tls_handshake(Clock& clock, TlsStream& stream, const Endpoint& endpoint) {
    const std::string host(endpoint.url.host());
    SSL* const handle = stream.native_handle();
    if (endpoint.tls.verify) {
        // OpenSSL's own check, so that its verify result names a mismatch.
        X509_VERIFY_PARAM* const parameters = SSL_get0_param(handle);
        if (is_address(host)) {
            X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str());
        } else {
            X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
        }
    }
    if (!is_address(host)) SSL_set_tlsext_host_name(handle, host.c_str());

    const auto limit = endpoint.limits.tls;
    const auto error = co_await with_timeout(clock, limit, handshake(stream));
    if (!error) {
        co_return Error(errc::tls_timeout, "the TLS handshake with " + endpoint.url.authority() + " took longer than " +
                                               milliseconds_text(limit));
    }
    if (*error) {
        co_return Error(errc::tls_failed,
                        "the TLS handshake with " + endpoint.url.authority() + " failed: " + reason_of(stream, *error));
    }
    co_return Result<void>();
}

}  // namespace jiro::http
