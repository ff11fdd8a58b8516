// SPDX-License-Identifier: MIT
#pragma once
// The cookies of one connection: what negotiate sets goes into the WebSocket upgrade and what follows on the connection
// (sticky load balancers). Sent back only to the origin that set them, whatever Domain they ask for, and there to the
// path that they name (RFC 6265, without persistence). Values are secrets.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/url.hpp"

namespace jiro::signalr {

class CookieJar {
  public:
    // The value, if it is kept. A cookie that has expired by `now` deletes what it names.
    std::optional<std::string> store(const Url& from, std::string_view set_cookie, WallTime now);
    // The Cookie header's value for a request to `to`; empty when none apply.
    [[nodiscard]] std::string header_for(const Url& to, WallTime now) const;

  private:
    struct Cookie {
        std::string name;
        std::string value;
        Url from;
        std::string domain;
        std::string path;
        bool secure = false;
        std::optional<std::chrono::sys_seconds> end = {};  // none: with the connection
    };
    static bool is_over(const Cookie& cookie, WallTime now);

    std::vector<Cookie> cookies_;
};

}  // namespace jiro::signalr
