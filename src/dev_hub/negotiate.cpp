// SPDX-License-Identifier: MIT
#include "dev_hub/negotiate.hpp"

#include "dev_hub/hub_records.hpp"
#include "jiro/base/url.hpp"

namespace jiro::dev_hub {
namespace {

// 22 characters of the base64url alphabet, as ASP.NET Core's ids are.
std::string random_id(RandomSource& random) {
    static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string id;
    for (int word = 0; word < 3; ++word) {
        auto bits = random.next();
        for (int i = 0; i < 10 && id.size() < 22; ++i, bits >>= 6) id += kAlphabet[bits & 63];
    }
    return id;
}

}  // namespace

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
    const auto parameters = parse_query(query);
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::nullopt : std::optional(found->second);
}

std::string negotiate_body(int version, const NegotiatedId& id) {
    std::string body =
        "{\"negotiateVersion\":" + std::to_string(version) + ",\"connectionId\":" + json_string(id.connection_id);
    if (version > 0) body += ",\"connectionToken\":" + json_string(id.connection_token);
    return body +
           ",\"availableTransports\":[{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\",\"Binary\"]}]}";
}

std::string negotiate_error_body(std::string_view error) { return "{\"error\":" + json_string(error) + "}"; }

NegotiatedId Negotiations::create(int version, TimePoint now) {
    forget_expired(now);
    NegotiatedId id;
    id.connection_id = random_id(random_);
    id.connection_token = version > 0 ? random_id(random_) : id.connection_id;
    entries_[id.connection_token] = {id.connection_id, now + lifetime_, false};
    return id;
}

std::string Negotiations::connection_id() { return random_id(random_); }

Negotiations::Claim Negotiations::claim(const std::string& token, TimePoint now, std::string& connection_id) {
    forget_expired(now);
    const auto entry = entries_.find(token);
    if (entry == entries_.end()) return Claim::unknown;
    if (entry->second.in_use) return Claim::in_use;
    entry->second.in_use = true;
    connection_id = entry->second.connection_id;
    return Claim::ok;
}

void Negotiations::release(const std::string& token) { entries_.erase(token); }

void Negotiations::forget_expired(TimePoint now) {
    std::erase_if(entries_, [&](const auto& entry) { return !entry.second.in_use && entry.second.expires <= now; });
}

}  // namespace jiro::dev_hub
