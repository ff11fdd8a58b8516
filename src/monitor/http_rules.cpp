// SPDX-License-Identifier: MIT
#include "monitor/http_rules.hpp"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/address.hpp>

#include "jiro/base/base64.hpp"
#include "jiro/base/sha256.hpp"

namespace jiro::monitor {
namespace {

bool is_port(std::string_view text) {
    return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The host of "host", "host:port", "[v6]", "[v6]:port"; empty when it is none of these.
std::string_view host_part(std::string_view value) {
    std::size_t end = 0;
    if (value.starts_with('[')) {
        end = value.find(']');
        if (end == std::string_view::npos) return {};
        ++end;
    } else {
        end = std::min(value.find(':'), value.size());
    }
    const auto rest = value.substr(end);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return {};
    return value.substr(0, end);
}

bool is_ip_literal(std::string_view host) {
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(host), error);
    return !error && address.is_v6() == bracketed;
}

// An IP literal (the listen address is one), localhost, or one of `names`; with or without a port.
bool is_known_host(std::string_view host, std::span<const std::string> names) {
    auto name = host_part(host);
    if (name.empty()) return false;
    if (is_ip_literal(name)) return true;
    if (name.ends_with('.')) name.remove_suffix(1);
    const auto is_it = [name](std::string_view known) { return boost::algorithm::iequals(name, known); };
    return is_it("localhost") || std::ranges::any_of(names, is_it);
}

std::string_view between(std::string_view text, std::string_view open, std::string_view close) {
    const auto start = text.find(open);
    if (start == std::string_view::npos) return {};
    const auto body = text.substr(start + open.size());
    return body.substr(0, body.find(close));
}

std::string sha256_source(std::string_view text) { return "'sha256-" + to_base64(sha256(text)) + "'"; }

}  // namespace

bool is_allowed_host(std::string_view host, const Listen& listen, std::span<const std::string> names) {
    return std::holds_alternative<ListenUnix>(listen) || is_known_host(host, names);
}

bool is_from_no_foreign_page(std::string_view host, std::string_view origin, std::span<const std::string> names) {
    const bool is_own_origin = origin.empty() || origin == "http://" + std::string(host);
    return is_own_origin && (host.empty() || is_known_host(host, names));
}

Target split_target(std::string_view target) {
    static constexpr std::string_view kScheme = "http://";
    std::string_view host;
    if (boost::algorithm::istarts_with(target, kScheme)) {
        target.remove_prefix(kScheme.size());
        const auto end = std::min(target.find_first_of("/?#"), target.size());
        host = target.substr(0, end);
        target.remove_prefix(end);
        if (host.empty()) return {};
    } else if (!target.starts_with('/')) {
        return {};
    }
    target = target.substr(0, target.find('#'));
    const auto mark = std::min(target.find('?'), target.size());
    const auto query = mark < target.size() ? target.substr(mark + 1) : std::string_view();
    return {mark == 0 ? "/" : std::string(target.substr(0, mark)), std::string(query), std::string(host)};
}

std::string page_policy(std::string_view html) {
    return "default-src 'none'; script-src " + sha256_source(between(html, "<script>", "</script>")) + "; style-src " +
           sha256_source(between(html, "<style>", "</style>")) +
           "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace jiro::monitor
