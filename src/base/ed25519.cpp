// SPDX-License-Identifier: MIT
#include "jiro/base/ed25519.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <boost/system/errc.hpp>
#include <stdexcept>

namespace jiro {

namespace {

constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kKeyBytes = 32;

using KeyBio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using SharedKey = std::shared_ptr<evp_pkey_st>;

Error no_key(std::string why) { return Error(make_error_code(boost::system::errc::invalid_argument), std::move(why)); }

const unsigned char* octets_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

KeyBio reading_key(const std::string& pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

bool holds(const std::string& pem, std::string_view label) {
    return pem.find("-----BEGIN " + std::string(label) + "-----") != std::string::npos;
}

std::string what_it_holds(const std::string& pem) {
    if (pem.find("PRIVATE KEY-----") != std::string::npos) return "holds a private key";
    if (holds(pem, "CERTIFICATE")) return "holds a certificate";
    if (holds(pem, "PUBLIC KEY") || pem.find(" PUBLIC KEY-----") != std::string::npos) return "holds a damaged key";
    return pem.starts_with("ssh-ed25519 ") ? "holds a key of OpenSSH's form" : "holds nothing in PEM form";
}

std::string kind_of(const EVP_PKEY* key) {
    const char* const name = EVP_PKEY_get0_type_name(key);
    return name == nullptr ? "another kind" : name;
}

// What a BIO in memory was given.
std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return {data, static_cast<std::size_t>(size)};
}

[[noreturn]] void broken(const char* doing) {
    ERR_clear_error();
    throw std::runtime_error(std::string("OpenSSL cannot ") + doing);
}

}  // namespace

Result<Ed25519PublicKey> Ed25519PublicKey::from_pem(const std::string& pem) {
    const bool is_private = pem.find("PRIVATE KEY-----") != std::string::npos;
    const SharedKey key(
        is_private ? nullptr : PEM_read_bio_PUBKEY(reading_key(pem).get(), nullptr, no_passphrase, nullptr),
        EVP_PKEY_free);
    ERR_clear_error();
    if (!key) return no_key(what_it_holds(pem) + ", not an Ed25519 public key (-----BEGIN PUBLIC KEY-----)");
    if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
        return no_key("holds a key of " + kind_of(key.get()) + ", not of Ed25519");
    }
    return Ed25519PublicKey(key);
}

bool Ed25519PublicKey::verifies(std::string_view message, std::string_view signature) const {
    if (signature.size() != kSignatureBytes) return false;
    const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const bool is_right =
        context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
        EVP_DigestVerify(context.get(), octets_of(signature), signature.size(), octets_of(message), message.size()) ==
            1;
    ERR_clear_error();
    return is_right;
}

std::string Ed25519PublicKey::bytes() const {
    std::array<unsigned char, kKeyBytes> raw{};
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) != 1) broken("show a public key");
    return {raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(size)};
}

Result<Ed25519PrivateKey> Ed25519PrivateKey::from_pem(const Secret& pem) {
    const SharedKey key(PEM_read_bio_PrivateKey(reading_key(pem.reveal()).get(), nullptr, no_passphrase, nullptr),
                        EVP_PKEY_free);
    ERR_clear_error();
    if (!key) return no_key("holds no private key in PEM form, or one with a passphrase");
    if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
        return no_key("holds a key of " + kind_of(key.get()) + ", not of Ed25519");
    }
    return Ed25519PrivateKey(key);
}

Result<Ed25519PrivateKey> Ed25519PrivateKey::generate() {
    const SharedKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    ERR_clear_error();
    if (!key) return no_key("OpenSSL cannot make a key");
    return Ed25519PrivateKey(key);
}

std::string Ed25519PrivateKey::sign(std::string_view message) const {
    const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(kSignatureBytes, '\0');
    std::size_t size = signature.size();
    auto* const out = reinterpret_cast<unsigned char*>(signature.data());
    if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), out, &size, octets_of(message), message.size()) != 1) {
        broken("sign");
    }
    return signature;
}

Secret Ed25519PrivateKey::pem() const {
    const KeyBio memory(BIO_new(BIO_s_secmem()), BIO_free);
    if (PEM_write_bio_PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        broken("write a private key");
    }
    return Secret(text_of(memory.get()));
}

std::string Ed25519PrivateKey::public_pem() const {
    const KeyBio memory(BIO_new(BIO_s_mem()), BIO_free);
    if (PEM_write_bio_PUBKEY(memory.get(), key_.get()) != 1) broken("write a public key");
    return text_of(memory.get());
}

}  // namespace jiro
