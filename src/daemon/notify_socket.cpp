// SPDX-License-Identifier: MIT
#include "daemon/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::daemon {

namespace {

// The length of the address of a path or, after @, of an abstract name; 0: it is neither, or too long.
socklen_t read_notify_address(std::string_view text, sockaddr_un& address) {
    if (text.size() < 2 || text.size() >= sizeof address.sun_path || (text[0] != '/' && text[0] != '@')) return 0;
    address.sun_family = AF_UNIX;
    text.copy(address.sun_path, text.size());
    if (text[0] == '@') address.sun_path[0] = '\0';
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
}

}  // namespace

Notified notify_systemd(std::string_view state, int descriptor) {
    const char* name = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    const socklen_t length = name == nullptr ? 0 : read_notify_address(name, address);
    if (length == 0) return Notified::nobody;
    const FileDescriptor sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!sender) return Notified::not_now;  // out of descriptors

    iovec part{const_cast<char*>(state.data()), state.size()};
    msghdr datagram{};
    datagram.msg_name = &address;
    datagram.msg_namelen = length;
    datagram.msg_iov = &part;
    datagram.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
    if (descriptor >= 0) {
        datagram.msg_control = control;
        datagram.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&datagram);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    if (sendmsg(sender.get(), &datagram, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Notified::sent;
    const bool is_full = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR;
    return is_full ? Notified::not_now : Notified::nobody;
}

void NotifyQueue::send(std::string_view kind, std::string state) {
    std::erase_if(kept_, [kind](const auto& one) { return one.first == kind; });
    kept_.emplace_back(kind, std::move(state));
    retry();
}

bool NotifyQueue::retry() {
    const auto is_over = [](const auto& one) { return notify_systemd(one.second) != Notified::not_now; };
    kept_.erase(kept_.begin(), std::ranges::find_if_not(kept_, is_over));
    return kept_.empty();
}

}  // namespace jiro::daemon
