// SPDX-License-Identifier: MIT
// One table of addresses, and what each of those who use them makes of it: check-config, the hub's requests, gRPC's
// channel.
#include <gmock/gmock.h>

#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Row {
    const char* url;
    const char* hub;   // "Host header, target" of negotiate's address, or "-": refused
    const char* grpc;  // ":authority, address that is dialled", or "-": refused
    const char* said;  // a part of what check-config says, of either; "": nothing
};

constexpr Row kTable[] = {
    // plain
    {"https://hub.example", "hub.example /", "hub.example hub.example:443", ""},
    {"https://hub.example/", "hub.example /", "hub.example hub.example:443", ""},
    {"https://hub.example/instanceHub", "hub.example /instanceHub", "hub.example hub.example:443", "has a path"},
    {"https://hub.example/a/b/", "hub.example /a/b/", "hub.example hub.example:443", "has a path"},
    {"https://hub.example/?x=1", "hub.example /?x=1", "hub.example hub.example:443", "has a path or query"},
    {"https://hub.example?x=1", "hub.example /?x=1", "hub.example hub.example:443", "has a path or query"},
    {"https://hub.example/%7Ea%20b", "hub.example /%7Ea%20b", "hub.example hub.example:443", "has a path"},
    {"HTTPS://HUB.Example/Hub", "hub.example /Hub", "hub.example hub.example:443", "has a path"},
    {"http://hub.example", "hub.example /", "hub.example hub.example:80", "is not encrypted"},
    {"http://hub.example:80/", "hub.example /", "hub.example hub.example:80", "is not encrypted"},
    // ports
    {"https://hub.example:443", "hub.example /", "hub.example hub.example:443", ""},
    {"https://hub.example:", "hub.example /", "hub.example hub.example:443", ""},
    {"https://hub.example:5001", "hub.example:5001 /", "hub.example:5001 hub.example:5001", ""},
    {"https://hub.example:80", "hub.example:80 /", "hub.example:80 hub.example:80", ""},
    {"http://hub.example:443", "hub.example:443 /", "hub.example:443 hub.example:443", "is not encrypted"},
    {"https://hub.example:1", "hub.example:1 /", "hub.example:1 hub.example:1", ""},
    {"https://hub.example:65535", "hub.example:65535 /", "hub.example:65535 hub.example:65535", ""},
    {"https://hub.example:0", "-", "-", "port must be between 1 and 65535"},
    {"https://hub.example:65536", "-", "-", "port must be between 1 and 65535"},
    {"https://hub.example:80443", "-", "-", "port must be between 1 and 65535"},
    {"https://hub.example:4294967739", "-", "-", "port must be between 1 and 65535"},
    // Boost.URL 1.81 takes a malformed port for a path, which we say; 1.83 says itself that it is no URL.
    {"https://hub.example:x/", "-", "-", ""},
    {"https://hub.example:-1/", "-", "-", ""},
    {"https://hub.example:44 3/", "-", "-", "not an absolute URL"},
    // addresses
    {"https://10.1.2.3", "10.1.2.3 /", "10.1.2.3 10.1.2.3:443", ""},
    {"http://10.1.2.3", "10.1.2.3 /", "10.1.2.3 10.1.2.3:80", "is not encrypted"},
    {"http://127.0.0.1:5001", "127.0.0.1:5001 /", "127.0.0.1:5001 127.0.0.1:5001", ""},
    {"http://127.9.9.9", "127.9.9.9 /", "127.9.9.9 127.9.9.9:80", ""},
    {"http://localhost:5001", "localhost:5001 /", "localhost:5001 localhost:5001", ""},
    {"http://hub.localhost", "hub.localhost /", "hub.localhost hub.localhost:80", ""},
    {"http://localhost.example", "localhost.example /", "localhost.example localhost.example:80", "is not encrypted"},
    {"https://[2001:DB8::1]", "[2001:db8::1] /", "[2001:db8::1] [2001:db8::1]:443", ""},
    {"https://[2001:db8::1]:5001", "[2001:db8::1]:5001 /", "[2001:db8::1]:5001 [2001:db8::1]:5001", ""},
    {"http://[::1]:5001", "[::1]:5001 /", "[::1]:5001 [::1]:5001", ""},
    {"http://[2001:db8::1]", "[2001:db8::1] /", "[2001:db8::1] [2001:db8::1]:80", "is not encrypted"},
    {"https://2001:db8::1/", "-", "-", ""},
    {"https://[2001:db8::1", "-", "-", "not an absolute URL"},
    {"https://[not-an-address]", "-", "-", "not an absolute URL"},
    // names like a resolver's scheme
    {"https://unix", "unix /", "unix unix:443", ""},
    {"https://dns:5001", "dns:5001 /", "dns:5001 dns:5001", ""},
    {"https://ipv4", "ipv4 /", "ipv4 ipv4:443", ""},
    {"https://xds:443", "xds /", "xds xds:443", ""},
    {"https://passthrough", "passthrough /", "passthrough passthrough:443", ""},
    // names
    {"https://hub", "hub /", "hub hub:443", ""},
    {"https://hub_1.example", "hub_1.example /", "hub_1.example hub_1.example:443", ""},
    {"https://xn--bcher-kva.example", "xn--bcher-kva.example /", "xn--bcher-kva.example xn--bcher-kva.example:443", ""},
    {"https://hub.example.", "-", "-", "ends with a dot"},
    {"https://hub.example.:5001", "-", "-", "ends with a dot"},
    {"https://b\xC3\xBC"
     "cher.example",
     "-", "-", "not an absolute URL"},
    {"https://a%0D%0Ab/", "-", "-", "no host name has"},
    {"https://a%2Fb/", "-", "-", "no host name has"},
    {"https://hub example/", "-", "-", "not an absolute URL"},
    {"https://", "-", "-", ""},
    {"https:///hub", "-", "-", ""},
    // what would be dropped
    {"https://user:password@hub.example", "-", "-", "user or password, which would not be sent"},
    {"https://token@hub.example", "-", "-", "user or password, which would not be sent"},
    {"https://hub.example/#fragment", "-", "-", "has a fragment"},
    {"https://hub.example#", "-", "-", "has a fragment"},
    // schemes
    {"wss://hub.example/hub", "hub.example /hub", "-", "scheme must be"},
    {"ws://hub.example/hub", "hub.example /hub", "-", "is not encrypted"},
    {"ws://localhost:5001/hub", "localhost:5001 /hub", "-", "scheme must be"},
    {"ftp://hub.example", "-", "-", "scheme must be"},
    {"grpc://hub.example", "-", "-", "scheme must be"},
    {"dns:///hub.example", "-", "-", "scheme must be"},
    {"hub.example", "-", "-", "not an absolute URL"},
    {"hub.example:5001", "-", "-", "scheme must be"},
    {"//hub.example/hub", "-", "-", "not an absolute URL"},
    {"/instanceHub", "-", "-", "not an absolute URL"},
    {"https:hub.example", "-", "-", ""},
    {" https://hub.example", "-", "-", "not an absolute URL"},
};

std::string yaml(const char* key, const char* url) {
    const std::string section = std::string(key) == "HubUrl" ? "WebSocket" : "Grpc";
    return section + ": {" + key + ": \"" + url + "\"}\n";
}

// Every one of them takes an address as the others do: what one refuses is refused by all, and said by check-config.
TEST(UrlTable, each_address_is_what_the_table_says) {
    for (const Row& row : kTable) {
        SCOPED_TRACE(row.url);
        const std::string for_hub = yaml("HubUrl", row.url);
        const std::string for_grpc = yaml("ServerUrl", row.url);
        const auto hub = test::load(for_hub);
        EXPECT_EQ(hub ? std::string(hub.config->websocket.hub_url->host_port()) + ' ' +
                            std::string(hub.config->websocket.hub_url->target())
                      : "-",
                  row.hub);
        const auto grpc = test::load(for_grpc);
        const auto& server = grpc ? grpc.config->delivery.grpc.server_url : std::optional<Url>();
        EXPECT_EQ(server ? std::string(server->host_port()) + ' ' + server->authority() : "-", row.grpc);
        const std::string said = test::warnings_of(for_hub) + test::warnings_of(for_grpc);
        EXPECT_THAT(said, HasSubstr(row.said));
        if (std::string(row.hub) == "-") {
            EXPECT_THAT(said, Not(IsEmpty()));
        }
    }
    EXPECT_GE(std::size(kTable), 60U);
}

}  // namespace
}  // namespace jiro::config
