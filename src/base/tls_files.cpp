// SPDX-License-Identifier: MIT
#include "jiro/base/tls_files.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/system/errc.hpp>
#include <memory>
#include <sstream>
#include <vector>

#include "jiro/base/environment.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/log.hpp"

namespace jiro {

namespace {

namespace errc = boost::system::errc;

const log::Logger tls_log{"tls"};

constexpr std::size_t kLargestPem = 4 * 1024 * 1024;  // the system's bundles have about 250 KB

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Error unusable(std::string why) { return Error(errc::make_error_code(errc::invalid_argument), std::move(why)); }

Bio reading(std::string_view pem) { return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free}; }

// What OpenSSL says last; it keeps nothing for others to find.
std::string openssl_reason() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == nullptr ? "OpenSSL does not say why" : reason;
}

// It may be too weak for this machine's OpenSSL, whose word on that is asked for.
Result<> check_certificate(X509* certificate) {
    const Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (SSL_CTX_use_certificate(context.get(), certificate) == 1) return {};
    return unusable("is not accepted by OpenSSL: " + openssl_reason());
}

// OpenSSL's own way to ask is a prompt on the terminal, on the thread that reads.
int refuse_passphrase(char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
}

Result<PrivateKey> private_key(const std::string& pem) {
    bool was_asked = false;
    PrivateKey key(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, refuse_passphrase, &was_asked), EVP_PKEY_free);
    ERR_clear_error();
    if (key) return key;
    if (was_asked) {
        return unusable(
            "is encrypted with a passphrase, which a service cannot be asked for; store it without one "
            "(openssl pkey -in OLD -out NEW), readable by the daemon's user only");
    }
    return unusable("holds no private key in PEM form");
}

Result<std::string> read_pem(const std::filesystem::path& path) {
    if (path.empty()) return std::string();
    auto content = read_small_file(path, kLargestPem);
    if (!content) return content.error();
    return std::move(content->text);
}

std::string prefix(const char* key, const std::filesystem::path& path) {
    return std::string(key) + ' ' + path.string() + " cannot be used";
}

Result<std::string> read_authorities(const char* key, const std::filesystem::path& path) {
    auto pem = read_pem(path);
    if (pem) {
        if (const auto certificates = certificates_in(*pem); !certificates) pem = certificates.error();
    }
    if (!pem) return pem.error().with_prefix(prefix(key, path));
    return pem;
}

// The certificates of a folder, as SSL_CERT_DIR names one; what else is in it is passed over.
Result<std::string> authorities_in(const std::filesystem::path& folder) {
    std::string all;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto pem = read_pem(entry->path());
        if (pem && certificates_in(*pem)) all += *pem + '\n';
        if (all.size() > kLargestPem)
            return unusable("holds more than 4 MiB").with_prefix(prefix("SSL_CERT_DIR", folder));
    }
    if (all.empty()) return unusable("holds no certificate").with_prefix(prefix("SSL_CERT_DIR", folder));
    return all;
}

// Of a file, and of folders with a ':' between them, as OpenSSL takes these variables.
std::vector<Result<std::string>> authorities_of_environment() {
    const auto environment = process_environment();
    std::vector<Result<std::string>> sources;
    const std::string file = variable_in(environment, "SSL_CERT_FILE");
    if (!file.empty()) sources.push_back(read_authorities("SSL_CERT_FILE", file));
    std::istringstream folders(variable_in(environment, "SSL_CERT_DIR"));
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (!folder.empty()) sources.push_back(authorities_in(folder));
    }
    return sources;
}

// The authorities to trust: CaFile, else what SSL_CERT_FILE and SSL_CERT_DIR name, else the system's (empty). One rule,
// since OpenSSL and gRPC have different ones of their own. A source that cannot be used is passed over while another
// gives some.
Result<std::string> read_trust(const std::filesystem::path& ca_file) {
    if (!ca_file.empty()) return read_authorities("CaFile", ca_file);
    const auto sources = authorities_of_environment();
    std::string all;
    for (const auto& source : sources) {
        if (source) all += *source + '\n';
    }
    if (all.empty() && !sources.empty()) return sources.front();
    for (const auto& source : sources) {
        if (!source) tls_log.warn("Authorities to trust were passed over", {{"reason", source.error().message}});
    }
    return all;
}

}  // namespace

Result<std::vector<std::shared_ptr<x509_st>>> certificates_in(std::string_view pem) {
    std::vector<std::shared_ptr<X509>> all;
    const Bio in = reading(pem);
    while (X509* certificate = PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr)) {
        all.emplace_back(certificate, X509_free);
    }
    const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const auto reason = openssl_reason();
    if (all.empty()) return unusable("holds no certificate in PEM form");
    if (!is_end)
        return unusable("holds a damaged certificate, number " + std::to_string(all.size() + 1) + ": " + reason);
    return all;
}

Result<TlsMaterial> read_tls_files(const TlsFiles& files) {
    auto ca = read_trust(files.ca);
    if (!ca) return ca.error();
    if (files.certificate.empty()) return TlsMaterial{std::move(*ca), {}, {}};

    auto chain = read_pem(files.certificate);
    std::shared_ptr<X509> certificate;
    if (chain) {
        const auto all = certificates_in(*chain);
        const auto good = all ? check_certificate(all->front().get()) : Result<>(all.error());
        if (good) certificate = all->front();
        if (!good) chain = good.error();
    }
    if (!chain) return chain.error().with_prefix(prefix("CertificateFile", files.certificate));

    const auto& key_file = files.key.empty() ? files.certificate : files.key;
    auto key = read_pem(key_file);
    if (key) {
        const auto parsed = private_key(*key);
        if (!parsed) {
            key = parsed.error();
        } else if (X509_check_private_key(certificate.get(), parsed->get()) != 1) {
            ERR_clear_error();
            key = unusable("does not belong to the certificate in " + files.certificate.string());
        }
    }
    if (!key) return key.error().with_prefix(prefix("PrivateKeyFile", key_file));
    return TlsMaterial{std::move(*ca), std::move(*chain), std::move(*key)};
}

std::string names_of(const TlsFiles& files) {
    return files.ca.string() + '\n' + files.certificate.string() + '\n' + files.key.string();
}

}  // namespace jiro
