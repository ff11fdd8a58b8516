// SPDX-License-Identifier: MIT
#include "jiro/base/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace jiro {

namespace {

constexpr std::size_t kGroup = 3;                      // bytes
constexpr std::size_t kLetters = 4;                    // that stand for them
constexpr std::size_t kAtOnce = kGroup * 1024 * 1024;  // OpenSSL counts in int

bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string to_base64(std::string_view bytes) {
    // OpenSSL ends each piece with a NUL.
    std::string text((bytes.size() + kGroup - 1) / kGroup * kLetters + 1, '\0');
    std::size_t written = 0;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kAtOnce))) {
        const auto piece = bytes.substr(0, kAtOnce);
        auto* const out = reinterpret_cast<unsigned char*>(text.data() + written);
        written += static_cast<std::size_t>(EVP_EncodeBlock(out, octets(piece), static_cast<int>(piece.size())));
    }
    text.resize(written);
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % kLetters != 0) return std::nullopt;
    const auto letters = static_cast<std::size_t>(std::ranges::find_if_not(text, is_letter) - text.begin());
    const std::size_t padding = text.size() - letters;
    const bool is_padded = std::ranges::all_of(text.substr(letters), [](char c) { return c == '='; });
    if (padding > 2 || !is_padded) return std::nullopt;

    std::string bytes(text.size() / kLetters * kGroup, '\0');
    constexpr std::size_t kLettersAtOnce = kAtOnce / kGroup * kLetters;
    for (std::size_t at = 0; at < text.size(); at += kLettersAtOnce) {
        const auto piece = text.substr(at, kLettersAtOnce);
        auto* const out = reinterpret_cast<unsigned char*>(bytes.data() + at / kLetters * kGroup);
        if (EVP_DecodeBlock(out, octets(piece), static_cast<int>(piece.size())) < 0) return std::nullopt;
    }
    bytes.resize(bytes.size() - padding);
    return bytes;
}

}  // namespace jiro
