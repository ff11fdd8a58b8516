// SPDX-License-Identifier: MIT
#pragma once
// The files of a `Tls` section, the hub's and gRPC's alike: read, and looked at closely enough that what they are good
// for is known before a connection needs them. Blocks, as reading files does: on the event loop it is called by
// outside_calls.hpp only.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"

struct x509_st;  // OpenSSL's X509

namespace jiro {

// The certificates of a PEM text, in their order; those with settings of trust (BEGIN TRUSTED CERTIFICATE) among them,
// as OpenSSL and gRPC take them. Fails when there is none, or when one is damaged.
[[nodiscard]] Result<std::vector<std::shared_ptr<x509_st>>> certificates_in(std::string_view pem);

struct TlsFiles {
    std::filesystem::path ca;           // empty: SSL_CERT_FILE and SSL_CERT_DIR, else the system's authorities
    std::filesystem::path certificate;  // empty: no client certificate
    std::filesystem::path key;          // empty: in the file of the certificate

    friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// PEM texts; empty where no file is given.
struct TlsMaterial {
    std::string ca;
    std::string certificate;
    std::string key;
};

// The message names the key (CaFile, CertificateFile, PrivateKeyFile), the file and the reason: it cannot be read,
// holds no certificate or key in PEM form, or one that OpenSSL does not use, the key is encrypted with a passphrase
// (nobody is asked for one), or does not belong to the certificate.
[[nodiscard]] Result<TlsMaterial> read_tls_files(const TlsFiles& files);

// For joining calls that read the same.
[[nodiscard]] std::string names_of(const TlsFiles& files);

}  // namespace jiro
