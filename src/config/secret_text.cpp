// SPDX-License-Identifier: MIT
#include "config/secret_text.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

std::string_view without_surroundings(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    constexpr std::string_view kBlanks = " \t\r\n";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool cannot_be_sent(char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F; }

Error no_secret(const char* why) {
    return Error(boost::system::errc::make_error_code(boost::system::errc::invalid_argument), why);
}

}  // namespace

Secret clean_secret(std::string_view text) { return Secret(std::string(without_surroundings(text))); }

std::optional<Error> why_no_secret(const Secret& secret) {
    const std::string& value = secret.reveal();
    if (value.empty()) return no_secret("is empty");
    if (value.find_first_of("\r\n") != std::string::npos) return no_secret("contains more than one line");
    if (std::ranges::any_of(value, cannot_be_sent)) {
        return no_secret("contains control characters or letters beyond ASCII, which cannot be sent");
    }
    return std::nullopt;
}

bool begins_with_bearer(const Secret& secret) {
    static constexpr std::string_view kScheme = "Bearer ";
    return equal_ignoring_case(std::string_view(secret.reveal()).substr(0, kScheme.size()), kScheme);
}

}  // namespace jiro::config
