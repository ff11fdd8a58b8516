// SPDX-License-Identifier: MIT
#include "signalr/transport/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <limits>
#include <memory>

#include "jiro/signalr/errors.hpp"

namespace jiro::signalr {

namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Owned = std::unique_ptr<X509, decltype(&X509_free)>;

std::optional<WallTime> to_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string subject_of(const X509* certificate) {
    const Bio out(BIO_new(BIO_s_mem()), BIO_free);
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

void keep_earlier(std::optional<Certificate>& kept, std::optional<Certificate> other) {
    if (other && (!kept || other->not_after < kept->not_after)) kept = std::move(other);
}

}  // namespace

std::optional<Certificate> describe(const X509* certificate) {
    const auto not_before = to_time(X509_get0_notBefore(certificate));
    const auto not_after = to_time(X509_get0_notAfter(certificate));
    if (!not_before || !not_after) return std::nullopt;
    return Certificate{subject_of(certificate), *not_before, *not_after};
}

std::optional<Certificate> first_to_expire(SSL* connection) {
    std::optional<Certificate> first;
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
    for (int i = 0; i < sk_X509_num(chain); ++i) keep_earlier(first, describe(sk_X509_value(chain, i)));
    return first;
}

Result<Certificate> first_to_expire(std::string_view pem) {
    if (pem.size() > std::numeric_limits<int>::max()) return Error(errc::tls_settings_invalid, "is too large");
    const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    std::optional<Certificate> first;
    for (;;) {
        const Owned certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
        if (!certificate) break;
        keep_earlier(first, describe(certificate.get()));
    }
    ERR_clear_error();  // the end of the text is an error to OpenSSL
    if (!first) return Error(errc::tls_settings_invalid, "holds no certificate in PEM form");
    return std::move(*first);
}

}  // namespace jiro::signalr
