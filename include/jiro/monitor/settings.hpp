// SPDX-License-Identifier: MIT
#pragma once
// Where the status endpoint listens: the keys `Monitoring.Listen` and `Monitoring.Hosts`. Filled by config, read by
// StatusServer and by the `jiro-client status` command. Off the loopback interface anybody on the network can read what
// the daemon does, so config warns when `is_local` says no.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jiro/base/error.hpp"

namespace jiro::monitor {

struct ListenOff {
    friend bool operator==(const ListenOff&, const ListenOff&) = default;
};

struct ListenTcp {
    std::string address = "127.0.0.1";  // IPv4 or IPv6 literal, without brackets
    std::uint16_t port = 9470;          // 0: any free port (tests)
    friend bool operator==(const ListenTcp&, const ListenTcp&) = default;
};

struct ListenUnix {
    std::string path;  // absolute, at most kMaxUnixPathBytes
    friend bool operator==(const ListenUnix&, const ListenUnix&) = default;
};

using Listen = std::variant<ListenTcp, ListenUnix, ListenOff>;

// The kernel's limit: sockaddr_un::sun_path without the final NUL.
inline constexpr std::size_t kMaxUnixPathBytes = 107;

struct Settings {
    Listen listen = ListenTcp{};
    std::vector<std::string> hosts{};  // names besides the machine's own by which it may be asked
    friend bool operator==(const Settings&, const Settings&) = default;
};

// "127.0.0.1:9470", "[::1]:9470", "localhost:9470" (= 127.0.0.1), "unix:/run/jiro-client/status.sock", "off". Pure. The
// error's message names what is allowed.
[[nodiscard]] Result<Listen> parse_listen(std::string_view text);

// The text that parse_listen takes.
[[nodiscard]] std::string to_string(const Listen& listen);

// True for a Unix socket, for 127.0.0.0/8 and ::1, and for off.
[[nodiscard]] bool is_local(const Listen& listen);

}  // namespace jiro::monitor
