// SPDX-License-Identifier: MIT
#include "jiro/base/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <boost/algorithm/hex.hpp>
#include <memory>
#include <stdexcept>

namespace jiro {

namespace {

// Looked up once for each thread: that costs fifteen times as much as a short text.
struct Digest {
    std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

}  // namespace

std::string sha256(std::string_view text) {
    thread_local const Digest digest;
    std::array<unsigned char, 32> bytes{};
    EVP_MD_CTX* const context = digest.context.get();
    if (!digest.algorithm || context == nullptr || EVP_DigestInit_ex(context, digest.algorithm.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context, text.data(), text.size()) != 1 ||
        EVP_DigestFinal_ex(context, bytes.data(), nullptr) != 1) {
        throw std::runtime_error("OpenSSL cannot compute SHA-256");
    }
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string sha256_hex(std::string_view text) {
    const std::string digest = sha256(text);
    std::string hex(2 * digest.size(), '\0');
    boost::algorithm::hex_lower(digest.begin(), digest.end(), hex.begin());
    return hex;
}

}  // namespace jiro
