// SPDX-License-Identifier: MIT
#include "commands/exec/unit_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/temp_dir.hpp"

namespace jiro::commands {

namespace {

using namespace std::chrono_literals;

// Takes connections, as systemd does, and keeps them.
class UnitListener {
  public:
    explicit UnitListener(const std::string& path)
        : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener_.get(), 16), 0);
    }
    // How many came since the last time.
    std::size_t take() {
        const auto before = connections.size();
        for (int next = 0; (next = accept(listener_.get(), nullptr, nullptr)) >= 0;) connections.emplace_back(next);
        return connections.size() - before;
    }

    std::vector<FileDescriptor> connections;

  private:
    FileDescriptor listener_;
};

}  // namespace

// As many wait as lately were in use at a time: one at least, four at most, and after a pause as on the first day.
TEST(UnitSocket, has_as_many_wait_as_were_in_use) {
    const jiro::test::TempDir folder;
    const std::string path = (folder.path() / "socket").string();
    UnitListener listener(path);
    const auto socket = std::make_shared<UnitSocket>(path);
    TimePoint now{1h};
    {
        const UnitSocket::Use one(socket);
        EXPECT_FALSE(socket->take_spare(now));
        socket->prepare();
        socket->prepare();
        EXPECT_EQ(listener.take(), 1);
    }
    for (const std::size_t in_use : {1U, 2U, 3U, 4U, 5U}) {
        std::vector<UnitSocket::Use> uses;
        while (uses.size() < in_use) uses.emplace_back(socket);
        socket->prepare();
        EXPECT_EQ(listener.take(), in_use > 1 && in_use < 5 ? 1 : 0) << in_use;
    }
    for (int taken = 0; taken < 4; ++taken) EXPECT_TRUE(socket->take_spare(now += 1s));
    EXPECT_FALSE(socket->take_spare(now));
    socket->prepare();
    EXPECT_EQ(listener.take(), 4);

    const UnitSocket::Use one(socket);
    EXPECT_TRUE(socket->take_spare(now += 31s));  // of the four that waited the one that is left
    EXPECT_FALSE(socket->take_spare(now));
    socket->prepare();
    EXPECT_EQ(listener.take(), 1);
}

// A unit that has gone meanwhile is passed over.
TEST(UnitSocket, passes_over_a_unit_that_has_gone) {
    const jiro::test::TempDir folder;
    const std::string path = (folder.path() / "socket").string();
    UnitListener listener(path);
    const auto socket = std::make_shared<UnitSocket>(path);
    const UnitSocket::Use one(socket);
    const UnitSocket::Use other(socket);
    socket->prepare();
    ASSERT_EQ(listener.take(), 2);
    listener.connections.front() = FileDescriptor();
    EXPECT_TRUE(socket->take_spare(TimePoint(1h)));
    EXPECT_FALSE(socket->take_spare(TimePoint(1h)));
    EXPECT_FALSE(UnitSocket((folder.path() / "nobody").string()).connect());
}

}  // namespace jiro::commands
