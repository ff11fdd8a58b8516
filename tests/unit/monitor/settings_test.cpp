// SPDX-License-Identifier: MIT
#include "jiro/monitor/settings.hpp"

#include <gmock/gmock.h>

#include "jiro/monitor/errors.hpp"

namespace jiro::monitor {
namespace {

struct Good {
    const char* name;
    std::string text;
    Listen listen;
    const char* printed;
    bool local;
};

// What can be written in Monitoring.Listen, and how it is printed again.
TEST(ParseListen, takes_addresses_paths_and_off) {
    const std::string longest = "/" + std::string(kMaxUnixPathBytes - 1, 'x');
    const std::vector<Good> rows = {
        {"the default", "127.0.0.1:9470", ListenTcp{}, "127.0.0.1:9470", true},
        {"IPv6", "[::1]:9470", ListenTcp{"::1", 9470}, "[::1]:9470", true},
        {"localhost", "localhost:80", ListenTcp{"127.0.0.1", 80}, "127.0.0.1:80", true},
        {"every interface", "0.0.0.0:9470", ListenTcp{"0.0.0.0", 9470}, "0.0.0.0:9470", false},
        {"every interface, IPv6", "[::]:1", ListenTcp{"::", 1}, "[::]:1", false},
        {"any port", "127.0.0.1:0", ListenTcp{"127.0.0.1", 0}, "127.0.0.1:0", true},
        {"Unix", "unix:/run/jiro-client/status.sock", ListenUnix{"/run/jiro-client/status.sock"},
         "unix:/run/jiro-client/status.sock", true},
        {"longest path", "unix:" + longest, ListenUnix{longest}, nullptr, true},
        {"off", "off", ListenOff{}, "off", true},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto listen = parse_listen(row.text);
        ASSERT_TRUE(listen) << listen.error().message;
        EXPECT_TRUE(*listen == row.listen);
        if (row.printed != nullptr) {
            EXPECT_EQ(to_string(*listen), row.printed);
        }
        EXPECT_EQ(is_local(*listen), row.local);
    }
}

struct Bad {
    const char* name;
    std::string text;
    errc code;
};

// What cannot is refused with a name and with what is allowed.
TEST(ParseListen, names_what_is_wrong) {
    const std::vector<Bad> rows = {
        {"empty", "", errc::bad_listen},
        {"no port", "127.0.0.1", errc::bad_listen},
        {"empty port", "127.0.0.1:", errc::bad_listen},
        {"port too large", "127.0.0.1:65536", errc::bad_listen},
        {"negative port", "127.0.0.1:-1", errc::bad_listen},
        {"port with tail", "127.0.0.1:80x", errc::bad_listen},
        {"a name", "example.org:80", errc::bad_listen},
        {"no address", ":9470", errc::bad_listen},
        {"IPv6 without brackets", "::1:9470", errc::bad_listen},
        {"IPv4 in brackets", "[127.0.0.1]:9470", errc::bad_listen},
        {"relative path", "unix:status.sock", errc::bad_listen},
        {"no path", "unix:", errc::bad_listen},
        {"NUL in the path", std::string("unix:/a\0b", 9), errc::bad_listen},
        {"NUL in the address", std::string("127.0.0.1\0:80", 13), errc::bad_listen},
        {"path too long", "unix:/" + std::string(kMaxUnixPathBytes, 'x'), errc::path_too_long},
        {"wrong case", "OFF", errc::bad_listen},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto listen = parse_listen(row.text);
        ASSERT_FALSE(listen);
        EXPECT_EQ(listen.error().code, row.code);
        EXPECT_FALSE(listen.error().message.empty());
    }
}

}  // namespace
}  // namespace jiro::monitor
