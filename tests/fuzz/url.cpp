// SPDX-License-Identifier: MIT
// The first line is a hub's URL, the rest a connection token: the requests made of them are well-formed, and neither
// the token nor a query's values show in what is logged.
#include "jiro/base/url.hpp"

#include <algorithm>

#include "check.hpp"
#include "signalr/protocol/negotiate.hpp"

using namespace jiro;
using jiro::fuzz::check;

namespace {

bool is_one_line(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

void check_request(const Url& url) {
    check(is_one_line(url.target()) && url.target().starts_with('/'), "the target is one word");
    check(is_one_line(url.host_port()) && is_one_line(url.authority()), "the host is one word");
    const auto again = Url::parse(std::string(url.scheme()).append("://").append(url.host_port()).append(url.target()));
    check(again.has_value(), "what is asked for is a URL");
    check(again->target() == url.target() && again->authority() == url.authority(), "it is the same URL");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const auto line = text.find('\n');
    const auto hub = Url::parse(text.substr(0, line));
    if (!hub) return 0;
    const Secret token(line == std::string_view::npos ? std::string() : std::string(text.substr(line + 1)));
    check_request(*hub);
    check_request(signalr::negotiate_url(*hub, true));
    const auto websocket = signalr::websocket_url(*hub, token);
    check_request(websocket);
    constexpr std::string_view kCanary = "canary-value";  // the fuzzer learns it and writes it into host and path too
    const auto marked = hub->with_parameter("id", kCanary).redacted();
    check(marked.find(kCanary) == std::string::npos || hub->redacted().find(kCanary) != std::string::npos,
          "no value shows in a log");
    check(signalr::is_same_origin(*hub, *hub), "a URL is of its own origin");
    return 0;
}
