// SPDX-License-Identifier: MIT
#include "jiro/base/secret.hpp"

#include <openssl/crypto.h>

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

}  // namespace jiro
