// SPDX-License-Identifier: MIT
#pragma once
// Ed25519 (RFC 8032) by OpenSSL: keys in PEM form, as `openssl genpkey -algorithm ed25519` makes them, and signatures
// of 64 bytes. For signed commands. Pure; values that share their key; any thread.

#include <memory>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"

struct evp_pkey_st;

namespace jiro {

class Ed25519PublicKey {
  public:
    // A PEM text with one "PUBLIC KEY". The error says what the text holds instead; never any of it.
    [[nodiscard]] static Result<Ed25519PublicKey> from_pem(const std::string& pem);

    [[nodiscard]] bool verifies(std::string_view message, std::string_view signature) const;
    [[nodiscard]] std::string bytes() const;  // the 32 of RFC 8032

  private:
    explicit Ed25519PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

    std::shared_ptr<evp_pkey_st> key_;
};

class Ed25519PrivateKey {
  public:
    // A PEM text with one "PRIVATE KEY", without a passphrase.
    [[nodiscard]] static Result<Ed25519PrivateKey> from_pem(const Secret& pem);
    [[nodiscard]] static Result<Ed25519PrivateKey> generate();

    [[nodiscard]] std::string sign(std::string_view message) const;
    [[nodiscard]] Secret pem() const;
    [[nodiscard]] std::string public_pem() const;

  private:
    explicit Ed25519PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace jiro
