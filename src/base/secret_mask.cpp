// SPDX-License-Identifier: MIT
#include "jiro/base/secret_mask.hpp"

#include <utility>

#include "base/secret_spellings.hpp"

namespace jiro {

static_assert(SecretMask::kMinLength == SecretSpellings::kMinLength);

SecretMask::SecretMask(const std::vector<std::string>& values)
    : spellings_(std::make_shared<const SecretSpellings>(values)) {}

// What comes while it is not safe is looked at, not shown: a whole value may begin in it.
std::string SecretMask::feed(std::string_view bytes) {
    const auto unsafe = bytes.substr(0, unsafe_);
    if (!unsafe.empty()) static_cast<void>(shown_of(unsafe));
    unsafe_ -= unsafe.size();
    return shown_of(bytes.substr(unsafe.size()));
}

std::string SecretMask::shown_of(std::string_view bytes) {
    const auto text = std::exchange(held_, {}).append(bytes);
    auto masked = spellings_->masked(text, SecretSpellings::End::open, std::exchange(covered_, 0));
    held_ = masked.held;
    covered_ = masked.covered;
    return std::move(masked.shown);
}

std::string SecretMask::finish() {
    const auto held = std::exchange(held_, {});
    return unsafe_ > 0 ? std::string() : spellings_->masked(held, SecretSpellings::End::cut, covered_).shown;
}

// Twice the longest: what is held back when so many have come begins behind the cut value.
void SecretMask::skip() {
    held_.clear();
    covered_ = 0;
    unsafe_ = 2 * spellings_->longest();
}

}  // namespace jiro
