// SPDX-License-Identifier: MIT
#pragma once
// What the status server decides without a socket: whom it talks to, what a target means, what a browser may do with
// the page. Pure.

#include <span>
#include <string>
#include <string_view>

#include "jiro/monitor/settings.hpp"

namespace jiro::monitor {

// Whether a Host header names us and not a domain that somebody points at us (DNS rebinding): an IP literal, localhost,
// this machine's name or the listen address, with or without a port. On a Unix socket no browser can be the sender:
// anything goes.
[[nodiscard]] bool is_allowed_host(std::string_view host, const Listen& listen, std::span<const std::string> names);

// Whether a request for a privileged route is none that a foreign web page made: somebody may have forwarded our Unix
// socket to a port of the browser's machine (ssh -L). `origin` is what a browser adds; empty: there is none.
[[nodiscard]] bool is_from_no_foreign_page(std::string_view host, std::string_view origin,
                                           std::span<const std::string> names);

struct Target {
    std::string path;
    std::string query;
    std::string host{};  // of the absolute form; it then counts instead of the Host header (RFC 9112, 3.2.2)
};

// "/status?x" -> "/status", "x", and likewise "http://host/status?x". An empty path: in neither of these forms.
[[nodiscard]] Target split_target(std::string_view target);

// The Content-Security-Policy of the page: its own one script and one style sheet by their hashes, requests to us only.
[[nodiscard]] std::string page_policy(std::string_view html);

// The page itself, src/monitor/page/index.html, embedded by the build.
[[nodiscard]] std::string_view page_html();

}  // namespace jiro::monitor
