// SPDX-License-Identifier: MIT
#include "jiro/base/tls_files.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/system/errc.hpp>
#include <memory>

#include "jiro/base/environment.hpp"
#include "jiro/base/file.hpp"

namespace jiro {

namespace {

namespace errc = boost::system::errc;

constexpr std::size_t kLargestPem = 4 * 1024 * 1024;  // the system's bundles have about 250 KB

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using LeafCertificate = std::unique_ptr<X509, decltype(&X509_free)>;

Error unusable(std::string why) { return Error(errc::make_error_code(errc::invalid_argument), std::move(why)); }

Bio reading(const std::string& pem) { return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free}; }

LeafCertificate first_certificate(const std::string& pem) {
    LeafCertificate certificate(PEM_read_bio_X509_AUX(reading(pem).get(), nullptr, nullptr, nullptr), X509_free);
    ERR_clear_error();
    return certificate;
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
    if (pem && !first_certificate(*pem)) pem = unusable("holds no certificate in PEM form");
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
        if (pem && first_certificate(*pem)) all += *pem + '\n';
        if (all.size() > kLargestPem)
            return unusable("holds more than 4 MiB").with_prefix(prefix("SSL_CERT_DIR", folder));
    }
    if (all.empty()) return unusable("holds no certificate").with_prefix(prefix("SSL_CERT_DIR", folder));
    return all;
}

// The authorities to trust: CaFile, else what SSL_CERT_FILE and SSL_CERT_DIR name, else the system's (empty). One rule,
// since OpenSSL and gRPC have different ones of their own.
Result<std::string> read_trust(const std::filesystem::path& ca_file) {
    if (!ca_file.empty()) return read_authorities("CaFile", ca_file);
    const auto environment = process_environment();
    std::string all;
    for (const auto& [variable, is_folder] : {std::pair("SSL_CERT_FILE", false), std::pair("SSL_CERT_DIR", true)}) {
        const auto name = variable_in(environment, variable);
        if (name.empty()) continue;
        auto some = is_folder ? authorities_in(name) : read_authorities(variable, name);
        if (!some) return some;
        all += *some + '\n';
    }
    return all;
}

}  // namespace

Result<TlsMaterial> read_tls_files(const TlsFiles& files) {
    auto ca = read_trust(files.ca);
    if (!ca) return ca.error();
    if (files.certificate.empty()) return TlsMaterial{std::move(*ca), {}, {}};

    auto chain = read_pem(files.certificate);
    const auto certificate = chain ? first_certificate(*chain) : LeafCertificate(nullptr, X509_free);
    if (chain && !certificate) chain = unusable("holds no certificate in PEM form");
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
