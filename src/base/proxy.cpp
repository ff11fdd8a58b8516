// SPDX-License-Identifier: MIT
#include "jiro/base/proxy.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/system/errc.hpp>

#include "jiro/base/base64.hpp"
#include "jiro/base/text.hpp"

namespace jiro {

namespace {

Error unusable_proxy(std::string what) {
    return Error(boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::move(what));
}

// A variable under its lower or its upper case name; empty counts as not set.
std::string look_up(const Environment& environment, std::string_view name) {
    auto value = variable_in(environment, name);
    return value.empty() ? variable_in(environment, upper_case(name)) : value;
}

bool is_in_prefix(std::string_view host, const std::string& prefix) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    if (error) return false;
    if (address.is_v4()) {
        const auto network = boost::asio::ip::make_network_v4(prefix, error);
        if (error) return false;
        const auto hosts = boost::asio::ip::network_v4(address.to_v4(), network.prefix_length());
        return hosts.canonical() == network.canonical();
    }
    const auto network = boost::asio::ip::make_network_v6(prefix, error);
    if (error) return false;
    const auto hosts = boost::asio::ip::network_v6(address.to_v6(), network.prefix_length());
    return hosts.canonical() == network.canonical();
}

bool is_exempt_by(std::string entry, const Url& url) {
    entry = lower_case(entry);
    if (entry == "*") return true;
    if (entry.find('/') != std::string::npos) return is_in_prefix(url.host(), entry);
    if (entry == url.authority() || entry == url.host()) return true;
    if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    if (entry.starts_with("*.")) entry.erase(0, 1);
    if (entry == url.host()) return true;
    const std::string suffix = entry.starts_with('.') ? entry : '.' + entry;
    return !entry.empty() && url.host().ends_with(suffix);
}

bool is_exempt(std::string list, const Url& url) {
    std::ranges::replace(list, ' ', ',');
    return std::ranges::any_of(split_at_commas(list), [&](auto& entry) { return is_exempt_by(entry, url); });
}

Result<std::optional<Url>> checked(Url proxy) {
    if (proxy.scheme() != "http") {
        return unusable_proxy("the proxy " + proxy.redacted() + " cannot be used: only http:// proxies are");
    }
    return std::optional<Url>(std::move(proxy));
}

}  // namespace

Result<std::optional<Url>> proxy_for(const std::optional<Url>& configured, const Url& url,
                                     const Environment& environment) {
    if (configured) return checked(*configured);
    if (url.is_loopback()) return std::optional<Url>();
    auto value = look_up(environment, url.is_tls() ? "https_proxy" : "http_proxy");
    if (value.empty()) value = look_up(environment, "all_proxy");
    if (value.empty() || is_exempt(look_up(environment, "no_proxy"), url)) return std::optional<Url>();
    auto proxy = Url::parse(value.find("://") == std::string::npos ? "http://" + value : value);
    if (!proxy) {
        return unusable_proxy("the proxy of the environment cannot be used: " + proxy.error().message);
    }
    return checked(std::move(*proxy));
}

std::string proxy_authorization(const Url& proxy) {
    const std::string user = proxy.user_info();
    return user.empty() ? std::string() : "Basic " + to_base64(user);
}

}  // namespace jiro
