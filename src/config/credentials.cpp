// SPDX-License-Identifier: MIT
#include "jiro/config/credentials.hpp"

#include <boost/system/errc.hpp>

#include "config/log.hpp"
#include "config/secret_text.hpp"
#include "config/values.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/log.hpp"

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
    auto content = read_small_file(expanded.path, kLargestCredential);
    if (!content) return content.error().with_prefix("credential " + expanded.path);
    auto secret = clean_secret(content->text);
    log::register_secret(secret, configured);
    if (const auto why = why_no_secret(secret)) return why->with_prefix("credential " + expanded.path);
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
    if (!sources.access_token_file.empty() && begins_with_bearer(*access_token)) {
        config_log.warn("A credential begins with \"Bearer \", which is put ahead of it when it is sent",
                        {{"file", sources.access_token_file}});
    }
    auto api_key = value_or_file(sources.api_key, sources.api_key_file, environment);
    if (!api_key) return api_key.error();
    return Credentials{std::move(*access_token), std::move(*api_key)};
}

}  // namespace jiro::config
