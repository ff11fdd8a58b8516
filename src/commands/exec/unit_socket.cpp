// SPDX-License-Identifier: MIT
#include "commands/exec/unit_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace jiro::commands {

namespace {

constexpr auto kBusyFor = std::chrono::seconds(30);  // after a program: as many may follow

// It has nothing to say before it is asked: only its end can be read.
bool still_waits(const FileDescriptor& spare) {
    char byte = 0;
    return recv(spare.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace

FileDescriptor UnitSocket::take_spare(TimePoint now) {
    if (now - std::exchange(taken_at_, now) > kBusyFor) {
        wanted_ = std::clamp<std::size_t>(in_use_, 1, kMostWaiting);
        while (spares_.size() > wanted_) spares_.pop_back();
    }
    while (!spares_.empty()) {
        FileDescriptor spare = std::move(spares_.front());
        spares_.pop_front();
        if (still_waits(spare)) return spare;
    }
    return {};
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
    while (spares_.size() < wanted_) {
        FileDescriptor spare = connect();
        if (!spare) return;
        spares_.push_back(std::move(spare));
    }
}

UnitSocket::Use::Use(std::shared_ptr<UnitSocket> socket) : socket_(std::move(socket)) {
    if (socket_) socket_->wanted_ = std::clamp(++socket_->in_use_, socket_->wanted_, kMostWaiting);
}

UnitSocket::Use::~Use() {
    if (socket_) --socket_->in_use_;
}

}  // namespace jiro::commands
