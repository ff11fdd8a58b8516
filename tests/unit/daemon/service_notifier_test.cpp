// SPDX-License-Identifier: MIT
#include "daemon/service_notifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

// Stands where systemd stands: the datagram socket of NOTIFY_SOCKET.
class ServiceNotifierTest : public ::testing::Test {
  protected:
    ServiceNotifierTest() {
        const auto path = (folder_.path() / "notify").string();
        socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("bind");
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~ServiceNotifierTest() override {
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        close(socket_);
    }

    // The next datagram that systemd would see; nothing when there is none.
    std::optional<std::string> seen() const {
        std::array<char, 1024> buffer{};
        const auto size = recv(socket_, buffer.data(), buffer.size(), 0);
        if (size < 0) return std::nullopt;
        return std::string(buffer.data(), static_cast<std::size_t>(size));
    }

    ServiceNotifier notifier_;

  private:
    test::TempDir folder_;
    int socket_ = -1;
};

TEST_F(ServiceNotifierTest, says_ready_and_stopping) {
    notifier_.ready();
    notifier_.stopping();

    EXPECT_EQ(seen(), "READY=1");
    EXPECT_EQ(seen(), "STOPPING=1");
}

// systemd is told of a change, not of every look.
TEST_F(ServiceNotifierTest, status_is_sent_only_when_it_changes) {
    notifier_.status("Connected to hub.example");
    notifier_.status("Connected to hub.example");
    notifier_.status("Reconnecting");

    EXPECT_EQ(seen(), "STATUS=Connected to hub.example");
    EXPECT_EQ(seen(), "STATUS=Reconnecting");
    EXPECT_EQ(seen(), std::nullopt);
}

// Without MONOTONIC_USEC a `systemctl reload` of a notify-reload unit hangs.
TEST_F(ServiceNotifierTest, reloading_carries_the_monotonic_time) {
    notifier_.reloading();

    EXPECT_THAT(seen().value_or(""), ::testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
}

TEST_F(ServiceNotifierTest, watchdog_is_due_at_a_third_of_the_limit) {
    EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::nullopt);

    setenv("WATCHDOG_USEC", "30000000", 1);

    EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::chrono::seconds(10));
}

}  // namespace
}  // namespace jiro::daemon
