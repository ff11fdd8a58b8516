// SPDX-License-Identifier: MIT
#include "dev_hub/negotiate.hpp"

#include "dev_hub/hub_records.hpp"

namespace jiro::dev_hub {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

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
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (percent_decode(pair.substr(0, equals)) != name) continue;
        return equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1));
    }
    return std::nullopt;
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
