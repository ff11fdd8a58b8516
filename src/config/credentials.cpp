// SPDX-License-Identifier: MIT
#include "jiro/config/credentials.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "config/log.hpp"
#include "config/values.hpp"
#include "jiro/base/file.hpp"

namespace jiro::config {

namespace {

namespace errc = boost::system::errc;

constexpr std::size_t kLargestCredential = 64 * 1024;

Error bad_credential(const std::string& path, std::string_view why) {
    return Error(errc::make_error_code(errc::invalid_argument), std::string(why)).with_prefix(path);
}

// What editors and shells leave around a value: a byte order mark, blanks, line ends.
std::string_view without_surroundings(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    constexpr std::string_view kBlanks = " \t\r\n";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool cannot_be_sent(char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F; }

Result<Secret> read_secret(const std::string& configured, const Environment& environment) {
    const ExpandedPath expanded = expand_path(configured, environment);
    if (!expanded.not_set.empty()) {
        return bad_credential(configured, expanded.not_set + " is not set; is LoadCredential= missing in the unit?");
    }
    auto content = read_small_file(expanded.path, kLargestCredential);
    if (!content) return content.error().with_prefix("credential " + expanded.path);
    Secret secret{std::string(without_surroundings(content->text))};
    log::register_secret(secret);
    const auto name = "credential " + expanded.path;
    const auto any = [&](auto is) { return std::ranges::any_of(secret.reveal(), is); };
    if (secret.empty()) return bad_credential(name, "is empty");
    if (any([](char c) { return c == '\n' || c == '\r'; })) return bad_credential(name, "contains more than one line");
    if (any(cannot_be_sent)) {
        return bad_credential(name, "contains control characters or letters beyond ASCII, which cannot be sent");
    }
    if (content->is_world_readable) {
        config_log.warn("A credential can be read by every user of this machine", {{"file", expanded.path}});
    }
    return secret;
}

Result<Secret> value_or_file(const Secret& value, const std::string& file, const Environment& environment) {
    if (file.empty()) return value;
    return read_secret(file, environment);
}

}  // namespace

Result<Credentials> read_credentials(const CredentialSources& sources, const Environment& environment) {
    auto access_token = value_or_file(sources.access_token, sources.access_token_file, environment);
    if (!access_token) return access_token.error();
    auto api_key = value_or_file(sources.api_key, sources.api_key_file, environment);
    if (!api_key) return api_key.error();
    return Credentials{std::move(*access_token), std::move(*api_key)};
}

}  // namespace jiro::config
