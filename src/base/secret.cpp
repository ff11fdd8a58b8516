// SPDX-License-Identifier: MIT
#include "jiro/base/secret.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <functional>
#include <string_view>

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

std::string redacted(std::string text, std::vector<Secret> secrets) {
    static constexpr std::size_t kShortest = 4;
    static constexpr std::string_view kStars = "***";
    std::ranges::sort(secrets, std::greater(), [](const Secret& secret) { return secret.reveal().size(); });
    for (const Secret& secret : secrets) {
        const std::string& hidden = secret.reveal();
        if (hidden.size() < kShortest) break;
        for (auto at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at + kStars.size())) {
            text.replace(at, hidden.size(), kStars);
        }
    }
    return text;
}

}  // namespace jiro
