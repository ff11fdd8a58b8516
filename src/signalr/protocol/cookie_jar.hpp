// SPDX-License-Identifier: MIT
#pragma once
// The cookies of one connection attempt: what negotiate sets goes into the WebSocket upgrade (sticky load balancers).
// Sent back only to the host, path and security they were set for (RFC 6265, without persistence). Values are secrets.

#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/url.hpp"

namespace jiro::signalr {

class CookieJar {
  public:
    // One that has expired by `now` deletes what it names.
    void store(const Url& from, std::string_view set_cookie, WallTime now);
    // The Cookie header's value for a request to `to`; empty when none apply.
    [[nodiscard]] std::string header_for(const Url& to) const;

  private:
    struct Cookie {
        std::string name;
        std::string value;
        std::string domain;
        std::string path;
        bool host_only = true;
        bool secure = false;
    };
    std::vector<Cookie> cookies_;
};

}  // namespace jiro::signalr
