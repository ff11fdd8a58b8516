// SPDX-License-Identifier: MIT
// The files of a Tls section: what is good passes unchanged, each fault has a sentence that names key, file and reason.
#include "jiro/base/tls_files.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <memory>

#include "support/temp_dir.hpp"

namespace jiro {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

using Key = std::shared_ptr<EVP_PKEY>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

template <typename Write>
std::string pem(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    write(out.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string key_pem(const Key& key, const char* passphrase = nullptr) {
    const auto* cipher = passphrase == nullptr ? nullptr : EVP_aes_256_cbc();
    return pem([&](BIO* out) {
        PEM_write_bio_PKCS8PrivateKey(out, key.get(), cipher, nullptr, 0, nullptr, const_cast<char*>(passphrase));
    });
}

// As old tools write it: the encryption is in the PEM header.
std::string traditional_pem(const Key& key, const char* passphrase) {
    return pem([&](BIO* out) {
        PEM_write_bio_PrivateKey_traditional(out, key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                             const_cast<char*>(passphrase));
    });
}

std::string certificate_pem(const Key& key) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
}

}  // namespace

TEST(TlsFiles, read_what_is_good) {
    const jiro::test::TempDir files;
    const Key key = make_key();
    const auto certificate = certificate_pem(key);
    const TlsFiles given{files.write("ca", "# a comment\n" + certificate), files.write("certificate", certificate),
                         files.write("key", key_pem(key))};
    const auto material = read_tls_files(given);
    ASSERT_TRUE(material) << material.error().message;
    EXPECT_THAT(material->ca, HasSubstr(certificate));
    EXPECT_EQ(material->certificate, certificate);
    EXPECT_EQ(material->key, key_pem(key));
    const auto both = files.write("both", certificate + key_pem(key));
    EXPECT_TRUE(read_tls_files({{}, both, {}})) << "a key in the certificate's file";
    EXPECT_TRUE(read_tls_files({})) << "the system's authorities, no certificate of ours";
}

TEST(TlsFiles, name_what_cannot_be_used) {
    const jiro::test::TempDir files;
    const Key key = make_key();
    const auto certificate = files.write("certificate", certificate_pem(key));
    const auto good_key = files.write("key", key_pem(key));
    const auto pipe = files.path() / "pipe";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    const struct {
        const char* name;
        TlsFiles files;
        const char* key;
        const char* reason;
    } rows[] = {
        {"pipe as CA", {pipe, {}, {}}, "CaFile ", "is a named pipe"},
        {"pipe as certificate", {{}, pipe, good_key}, "CertificateFile ", "is a named pipe"},
        {"pipe as key", {{}, certificate, pipe}, "PrivateKeyFile ", "is a named pipe"},
        {"missing", {files.path() / "none", {}, {}}, "CaFile ", "No such file"},
        {"folder", {files.path(), {}, {}}, "CaFile ", "is a directory"},
        {"no certificate", {good_key, {}, {}}, "CaFile ", "holds no certificate"},
        {"empty", {files.write("empty", ""), {}, {}}, "CaFile ", "holds no certificate"},
        {"no certificate of ours", {{}, good_key, good_key}, "CertificateFile ", "holds no certificate"},
        {"no key", {{}, certificate, certificate}, "PrivateKeyFile ", "holds no private key"},
        {"encrypted key",
         {{}, certificate, files.write("e", key_pem(key, "secret"))},
         "PrivateKeyFile ",
         "is encrypted with a passphrase"},
        {"encrypted key, old form",
         {{}, certificate, files.write("o", traditional_pem(key, "secret"))},
         "PrivateKeyFile ",
         "is encrypted with a passphrase"},
        {"another's key",
         {{}, certificate, files.write("k", key_pem(make_key()))},
         "PrivateKeyFile ",
         "does not belong to the certificate"},
    };
    for (const auto& row : rows) {
        const auto material = read_tls_files(row.files);
        ASSERT_FALSE(material) << row.name;
        EXPECT_THAT(material.error().message, AllOf(HasSubstr(row.key), HasSubstr(row.reason))) << row.name;
    }
}

}  // namespace jiro
