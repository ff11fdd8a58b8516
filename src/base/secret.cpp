// SPDX-License-Identifier: MIT
#include "jiro/base/secret.hpp"

#include <openssl/crypto.h>

#include <ranges>

#include "base/redactor.hpp"

namespace jiro {

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        wipe();
        value_ = other.value_;
    }
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        value_ = std::move(other.value_);
        other.value_.resize(other.value_.capacity());  // a short text lies in the object itself: moving copied it
        other.wipe();
    }
    return *this;
}

void Secret::wipe() noexcept {
    OPENSSL_cleanse(value_.data(), value_.size());
    value_.clear();
}

std::string redacted(std::string text, const std::vector<Secret>& secrets) {
    static constexpr std::size_t kShortest = 4;  // whoever repeats it was sent it
    const SecretSpellings known(secrets | std::views::transform(&Secret::reveal), kShortest);
    return without_secrets(text, known).value_or(text);
}

}  // namespace jiro
