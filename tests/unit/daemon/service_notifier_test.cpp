// SPDX-License-Identifier: MIT
#include "daemon/service_notifier.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "daemon/descriptor_store.hpp"
#include "daemon/notify_socket.hpp"
#include "jiro/base/sha256.hpp"
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

    // Until the next datagram would have to wait.
    static void fill() {
        while (notify_systemd("filler") == Notified::sent) {
        }
    }
    std::vector<std::string> all_seen() const {
        std::vector<std::string> all;
        while (auto next = seen()) {
            if (next != "filler") all.push_back(std::move(*next));
        }
        return all;
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

// A reload that ends within a stop, or begins there.
TEST_F(ServiceNotifierTest, says_no_ready_after_stopping) {
    notifier_.stopping();
    notifier_.ready();
    notifier_.reloading();
    EXPECT_EQ(all_seen(), std::vector<std::string>{"STOPPING=1"});
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

// Nobody reads: no call waits. What was said goes out in its order when there is room, the last word of each kind.
TEST_F(ServiceNotifierTest, does_not_wait_for_a_systemd_that_hangs) {
    fill();
    notifier_.ready();
    notifier_.status("Reconnecting");
    notifier_.watchdog();
    notifier_.status("Connected");
    notifier_.stopping();
    EXPECT_THAT(all_seen(), ::testing::IsEmpty());
    notifier_.status("Connected");  // as every few seconds

    EXPECT_THAT(all_seen(), ::testing::ElementsAre("READY=1", "WATCHDOG=1", "STATUS=Connected", "STOPPING=1"));
}

// A text of others is one line of the status, however it looks and however long it is.
TEST_F(ServiceNotifierTest, status_is_one_short_line) {
    notifier_.status("refused: \nSTOPPING=1\n\x1b[31m" + std::string(2000, 'x'));

    const auto status = seen().value_or("");
    EXPECT_THAT(status, ::testing::StartsWith("STATUS=refused: \\x0aSTOPPING=1\\x0a\\x1b[31mxxx"));
    EXPECT_LE(status.size(), 510U);
}

// Descriptors go along; those for which there is no room are not kept, and the ones already there are taken back later.
TEST_F(ServiceNotifierTest, descriptor_store_does_not_wait) {
    const auto null = [] { return FileDescriptor(open("/dev/null", O_RDWR | O_CLOEXEC)); };
    const commands::ProgramDescriptors program{null(), null(), null(), null()};
    DescriptorStore store{Environment()};
    EXPECT_TRUE(store.keep("a", {}, program));
    EXPECT_EQ(all_seen().size(), 4U);
    fill();
    store.drop("a");
    EXPECT_THAT(all_seen(), ::testing::IsEmpty());
    EXPECT_TRUE(store.keep("c", {}, program));
    const auto seen = all_seen();
    ASSERT_EQ(seen.size(), 8U);
    EXPECT_THAT(seen[0], ::testing::StartsWith("FDSTOREREMOVE=1\nFDNAME=run-" + sha256_hex("a").substr(0, 32)));
    EXPECT_THAT(seen[7], ::testing::StartsWith("FDSTORE=1\nFDPOLL=0\nFDNAME=run-" + sha256_hex("c").substr(0, 32)));
    fill();
    EXPECT_FALSE(store.keep("b", {}, program));
}

TEST_F(ServiceNotifierTest, watchdog_is_due_at_a_third_of_the_limit) {
    EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::nullopt);

    setenv("WATCHDOG_USEC", "30000000", 1);

    EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::chrono::seconds(10));
}

}  // namespace
}  // namespace jiro::daemon
