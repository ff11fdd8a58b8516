// SPDX-License-Identifier: MIT
#include "jiro/base/proxy.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

// The environment's proxies and their exceptions.
TEST(ProxyFor, follows_the_environment) {
    const Environment environment{{"HTTPS_PROXY", "http://u:p@proxy:3128"},
                                  {"no_proxy", "internal.test,10.0.0.0/8, .corp"}};
    std::optional<Url> own;
    const auto through = [&](const char* target) {
        const auto proxy = proxy_for(own, *Url::parse(target), environment);
        return proxy && *proxy ? (*proxy)->authority() : std::string("direct");
    };
    EXPECT_EQ(through("https://hub.test/"), "proxy:3128");
    EXPECT_EQ(through("wss://hub.test/"), "proxy:3128");
    EXPECT_EQ(through("http://hub.test/"), "direct");
    EXPECT_EQ(through("https://internal.test/"), "direct");
    EXPECT_EQ(through("https://a.internal.test/"), "direct");
    EXPECT_EQ(through("https://10.1.2.3/"), "direct");
    EXPECT_EQ(through("https://x.corp/"), "direct");
    EXPECT_EQ(through("https://localhost/"), "direct");
    own = *Url::parse("http://own:1");
    EXPECT_EQ(through("https://localhost/"), "own:1");
    own = *Url::parse("https://own:1");
    EXPECT_FALSE(proxy_for(own, *Url::parse("https://hub.test/"), environment));
}

// The user and the password as they are meant, whatever a URL makes of their characters.
TEST(ProxyFor, credentials_are_decoded_once) {
    EXPECT_EQ(proxy_authorization(*Url::parse("http://proxy:3128")), "");
    EXPECT_EQ(proxy_authorization(*Url::parse("http://robot:a%2Fb%40%2541@proxy")), "Basic cm9ib3Q6YS9iQCU0MQ==");
}

}  // namespace
}  // namespace jiro
