// SPDX-License-Identifier: MIT
#include "commands/exec/unit_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <utility>

namespace jiro::commands {

FileDescriptor UnitSocket::take_spare() {
    FileDescriptor spare = std::exchange(spare_, FileDescriptor());
    char byte = 0;
    // It has nothing to say before it is asked: only its end can be read.
    const bool waits = spare && recv(spare.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    return waits ? std::move(spare) : FileDescriptor();
}

FileDescriptor UnitSocket::connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    path_.copy(address.sun_path, path_.size());
    FileDescriptor descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    if (!descriptor || ::connect(descriptor.get(), to, sizeof address) != 0) return {};
    return descriptor;
}

void UnitSocket::prepare() {
    if (!spare_) spare_ = connect();
}

}  // namespace jiro::commands
