#include "jiro/config/credentials.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>

#include "config/log.hpp"
#include "config/read_file.hpp"
#include "config/values.hpp"

namespace jiro::config {

namespace {

namespace errc = boost::system::errc;

constexpr std::size_t kLargestCredential = 64 * 1024;

Error bad_credential(const std::string& path, std::string_view why) {
    return Error(errc::make_error_code(errc::invalid_argument), std::string(why)).with_prefix(path);
}

Result<Secret> read_secret(const std::string& configured, const Environment& environment) {
    const ExpandedPath expanded = expand_path(configured, environment);
    if (!expanded.not_set.empty()) {
        return bad_credential(configured, expanded.not_set + " is not set; is LoadCredential= missing in the unit?");
    }
    auto content = read_file(expanded.path, kLargestCredential);
    if (!content) return content.error().with_prefix("credential " + expanded.path);
    std::string& text = content->text;
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    Secret secret(std::move(text));
    log::register_secret(secret);
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (secret.empty()) return bad_credential("credential " + expanded.path, "is empty");
    if (std::ranges::any_of(secret.reveal(), is_control)) {
        return bad_credential("credential " + expanded.path, "contains control characters or more than one line");
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
