// SPDX-License-Identifier: MIT
#include "jiro/base/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "jiro/base/text.hpp"

namespace jiro {

std::string sha256(std::string_view text) {
    std::array<unsigned char, 32> digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error("OpenSSL cannot compute SHA-256");
    }
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string sha256_hex(std::string_view text) {
    std::string hex;
    for (const char byte : sha256(text)) hex += hex_digits(static_cast<unsigned char>(byte));
    return hex;
}

}  // namespace jiro
