// SPDX-License-Identifier: MIT
#include "jiro/signalr/settings.hpp"

#include <algorithm>
#include <array>

#include "jiro/base/text.hpp"

namespace jiro::signalr {

bool is_header_of_the_client(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kNames{"host", "connection", "upgrade", "content-length",
                                                            "transfer-encoding"};
    const std::string word = lower_case(name);
    return std::ranges::find(kNames, word) != kNames.end() || word.starts_with("sec-websocket-");
}

bool may_be_credential(std::string_view name) { return !equal_ignoring_case(name, "User-Agent"); }

bool can_be_sent(std::string_view name, std::string_view value) {
    static constexpr std::size_t kMaxValue = 16 * 1024;
    const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; };
    return is_token(name) && value.size() <= kMaxValue && std::ranges::none_of(value, is_control);
}

bool may_be_hub(const Settings& settings, const Url& url) {
    return settings.may_be_overheard || url.is_tls() || url.is_loopback();
}

bool requires_reconnect(const Settings& before, Settings after) {
    after.reconnection_delay = before.reconnection_delay;
    after.max_reconnection_delay = before.max_reconnection_delay;
    after.max_reconnection_attempts = before.max_reconnection_attempts;
    after.failed_retry_delay = before.failed_retry_delay;
    after.handshake_timeout = before.handshake_timeout;
    after.max_send_bytes = before.max_send_bytes;
    after.may_be_overheard = before.may_be_overheard;  // it depends on where the hub is: HubConnection::update()
    return after != before;
}

}  // namespace jiro::signalr
