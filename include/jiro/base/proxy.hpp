// SPDX-License-Identifier: MIT
#pragma once
// Which proxy leads to a server: the one rule, for the hub and for the results, so that both take the same way. Pure,
// any thread.

#include <optional>
#include <string>

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/url.hpp"

namespace jiro {

// The proxy to reach `url` through: the configured one, or else what the environment says (upper or lower case names;
// HTTPS_PROXY for https and wss, HTTP_PROXY for http and ws, then ALL_PROXY). NO_PROXY (names, suffixes, addresses,
// IPv4 and IPv6 prefixes, `*`) and loopback hosts are exempt from the environment's proxies only. nullopt: none. An
// error: one that cannot be used, for its scheme or its form.
[[nodiscard]] Result<std::optional<Url>> proxy_for(const std::optional<Url>& configured, const Url& url,
                                                   const Environment& environment);

// The value of Proxy-Authorization for the user and the password in its URL; empty when there are none.
[[nodiscard]] std::string proxy_authorization(const Url& proxy);

}  // namespace jiro
