// SPDX-License-Identifier: MIT
#include "jiro/base/secret_mask.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/redactor.hpp"

namespace jiro {

// By their first byte; of each, the longest first.
struct SecretMask::Forms {
    std::array<std::vector<std::string>, 256> by_first;
    std::size_t longest = 0;
    bool have_line_breaks = false;

    [[nodiscard]] const std::vector<std::string>& that_begin_with(char c) const {
        return by_first.at(static_cast<unsigned char>(c));
    }
};

SecretMask::SecretMask(const std::vector<std::string>& values) {
    auto forms = std::make_shared<Forms>();
    for (const auto& value : values) {
        for (auto& form : forms_of_secret(value)) {
            forms->longest = std::max(forms->longest, form.size());
            forms->have_line_breaks |= form.find('\n') != std::string::npos;
            auto& list = forms->by_first.at(static_cast<unsigned char>(form.front()));
            if (std::ranges::find(list, form) == list.end()) list.push_back(std::move(form));
        }
    }
    for (auto& list : forms->by_first) std::ranges::sort(list, std::greater(), &std::string::size);
    forms_ = std::move(forms);
}

std::string SecretMask::feed(std::string_view bytes) {
    if (unsafe_ > 0) bytes = after_cut_value(bytes);
    return scan(std::exchange(held_, {}).append(bytes), More::may_come);
}

std::string SecretMask::finish() {
    auto held = std::exchange(held_, {});
    return unsafe_ > 0 ? std::string() : scan(std::move(held), More::none);
}

// Twice the longest: what is held back when so many have come begins behind the cut value.
void SecretMask::skip() {
    held_.clear();
    unsafe_ = 2 * forms_->longest;
}

// The line's end is the cut value's, too. Until then what comes is looked at, not shown: a whole value may begin in it.
std::string_view SecretMask::after_cut_value(std::string_view bytes) {
    const auto unsafe = bytes.substr(0, unsafe_);
    const auto line_end = forms_->have_line_breaks ? std::string_view::npos : unsafe.find('\n');
    if (line_end != std::string_view::npos) {
        held_.clear();
        unsafe_ = 0;
        return bytes.substr(line_end + 1);
    }
    static_cast<void>(scan(std::exchange(held_, {}).append(unsafe), More::may_come));
    unsafe_ -= unsafe.size();
    return bytes.substr(unsafe.size());
}

std::string SecretMask::scan(std::string text, More more) {
    const std::string_view all = text;
    std::string out;
    out.reserve(all.size());
    std::size_t at = 0;
    while (at < all.size()) {
        const std::string_view rest = all.substr(at);
        std::size_t masked = 0;
        for (const std::string& form : forms_->that_begin_with(rest.front())) {
            if (rest.starts_with(form)) {
                masked = form.size();
                break;
            }
            const bool is_beginning = rest.size() < form.size() && form.starts_with(rest);
            if (is_beginning && more == More::may_come) {
                held_ = rest;
                return out;
            }
            if (is_beginning && rest.size() >= kMinLength) masked = rest.size();
            if (masked > 0) break;
        }
        if (masked > 0) {
            out += "***";
            at += masked;
        } else {
            out += all[at++];
        }
    }
    return out;
}

}  // namespace jiro
