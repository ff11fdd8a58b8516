// SPDX-License-Identifier: MIT
#include "daemon/cli/doctor/access_token.hpp"

#include "jiro/base/base64.hpp"
#include "jiro/base/json.hpp"

namespace jiro::daemon::cli {

namespace {

constexpr std::size_t kLongestPart = 64 * 1024;

// Base64 by the alphabet for URLs, without padding; empty when it is something else.
std::string decode(std::string text) {
    if (text.size() > kLongestPart) return {};
    for (char& c : text) {
        if (c == '-') c = '+';
        if (c == '_') c = '/';
    }
    const std::size_t padding = (4 - text.size() % 4) % 4;
    if (padding == 3) return {};
    text.append(padding, '=');
    return from_base64(text).value_or("");
}

}  // namespace

std::optional<WallTime> expiry_of(const Secret& access_token) {
    const std::string& text = access_token.reveal();
    const auto first = text.find('.');
    const auto second = first == std::string::npos ? first : text.find('.', first + 1);
    if (second == std::string::npos || second == first + 1) return std::nullopt;
    const auto claims = json_or_null(decode(text.substr(first + 1, second - first - 1)));
    if (!claims.is_object()) return std::nullopt;
    const auto expiry = claims.find("exp");
    if (expiry == claims.end() || !expiry->is_number()) return std::nullopt;
    const auto seconds = expiry->get<double>();
    constexpr double kYear3000 = 32'503'680'000;
    if (!(seconds >= 0 && seconds < kYear3000)) return std::nullopt;
    return WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

}  // namespace jiro::daemon::cli
