// SPDX-License-Identifier: MIT
#include "jiro/base/ed25519.hpp"

#include <gmock/gmock.h>

namespace jiro {
namespace {

using testing::HasSubstr;

// RFC 8032, section 7.1, test 3, as PKCS #8 and SubjectPublicKeyInfo (RFC 8410).
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3\n-----END PRIVATE "
    "KEY-----\n";

std::string unhex(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

// The vector of the RFC: the key, the message, and the signature, which is the same each time.
TEST(Ed25519, signs_as_the_rfc_does) {
    const auto key = Ed25519PrivateKey::from_pem(Secret(kPrivate));
    ASSERT_TRUE(key) << key.error().message;
    const auto signature = key->sign(unhex("af82"));
    EXPECT_EQ(signature, unhex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                               "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"));
    const auto public_key = Ed25519PublicKey::from_pem(key->public_pem());
    ASSERT_TRUE(public_key) << public_key.error().message;
    EXPECT_EQ(public_key->bytes(), unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"));
    EXPECT_TRUE(public_key->verifies(unhex("af82"), signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        auto changed = signature;
        changed[i] ^= 1;
        EXPECT_FALSE(public_key->verifies(unhex("af82"), changed)) << i;
    }
    EXPECT_FALSE(public_key->verifies(unhex("af83"), signature));
    EXPECT_FALSE(public_key->verifies(unhex("af82"), signature.substr(1)));
    EXPECT_FALSE(public_key->verifies(unhex("af82"), ""));
}

// A new key is another one each time, and comes back from its text.
TEST(Ed25519, makes_keys) {
    const auto one = Ed25519PrivateKey::generate();
    const auto other = Ed25519PrivateKey::generate();
    ASSERT_TRUE(one && other);
    EXPECT_NE(one->public_pem(), other->public_pem());
    const auto again = Ed25519PrivateKey::from_pem(one->pem());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->public_pem(), one->public_pem());
    EXPECT_EQ(again->sign("x"), one->sign("x"));
}

// What is no public key of this kind is named for what it is.
TEST(Ed25519, takes_no_other_key) {
    constexpr const char* kX25519 =
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n-----END PUBLIC "
        "KEY-----\n";
    const std::pair<std::string, const char*> rows[] = {
        {"", "nothing in PEM form"},
        {"nonsense", "nothing in PEM form"},
        {kPrivate, "holds a private key"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds a certificate"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds a damaged key"},
        {"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n", "holds a damaged key"},
        {"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw", "holds a damaged key"},
        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI x@y", "of OpenSSH's form"},
        {kX25519, "holds a key of X25519, not of Ed25519"},
    };
    for (const auto& [pem, problem] : rows) {
        const auto key = Ed25519PublicKey::from_pem(pem);
        ASSERT_FALSE(key) << pem;
        EXPECT_THAT(key.error().message, HasSubstr(problem)) << pem;
    }
    EXPECT_FALSE(Ed25519PrivateKey::from_pem(Secret("nonsense")));
}

}  // namespace
}  // namespace jiro
