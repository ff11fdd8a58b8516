// SPDX-License-Identifier: MIT
// Any negotiate answer is accepted, a redirect or a named refusal; what it says makes no malformed request.
#include "signalr/protocol/negotiate.hpp"

#include <algorithm>

#include "check.hpp"
#include "jiro/http/date.hpp"

using namespace jiro;
using jiro::fuzz::check;

namespace {

bool is_one_line(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Url hub = *Url::parse("https://hub.test/hub?a=b");
    const auto body = fuzz::text_of(data, size);
    for (const bool asked : {false, true}) {
        const auto answer = signalr::parse_negotiate_answer(body, asked);
        if (!answer) {
            check(!answer.error().message.empty(), "an error says what is wrong");
        } else if (const auto* accepted = std::get_if<signalr::NegotiateAccepted>(&*answer)) {
            check(is_one_line(signalr::websocket_url(hub, accepted->connection_token).target()),
                  "the token is encoded");
            check(asked || !accepted->stateful_reconnect, "nothing is granted that was not asked for");
        } else {
            const auto& url = std::get<signalr::NegotiateRedirect>(*answer).url;
            check(is_one_line(url.target()) && is_one_line(url.host_port()), "a redirect cannot inject headers");
        }
    }
    const auto wait = http::parse_retry_after(body, std::chrono::system_clock::time_point(std::chrono::hours(400'000)));
    check(!wait || (*wait >= Duration::zero() && *wait <= std::chrono::hours(1)),
          "Retry-After is between nothing and an hour");
    return 0;
}
