// SPDX-License-Identifier: MIT
#pragma once
// Opens what Monitoring.Listen names, TCP or Unix, as one type of acceptor, so that the server does not care.

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <optional>
#include <string>

#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/monitor/settings.hpp"

namespace jiro::monitor {

using Socket = boost::asio::generic::stream_protocol::socket;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

// Removes the socket file when it goes away, unless somebody has put another one there.
class SocketFile {
  public:
    explicit SocketFile(std::string path);
    SocketFile(SocketFile&& other) noexcept : path_(std::exchange(other.path_, {})), inode_(other.inode_) {}
    SocketFile& operator=(SocketFile&&) = delete;
    ~SocketFile();

  private:
    std::string path_;
    std::uint64_t inode_ = 0;
};

struct ListeningSocket {
    Acceptor acceptor;
    Listen local;  // with the real port
    std::optional<SocketFile> file;
};

// `listen` is not off. A Unix socket gets mode 0660; a socket file on which nobody listens is replaced.
[[nodiscard]] Result<ListeningSocket> open_listening_socket(const Executor& executor, const Listen& listen);

// Who connected to a Unix socket.
struct Peer {
    unsigned user = 0;
    int process = 0;
};

// Nothing for TCP.
[[nodiscard]] std::optional<Peer> peer_of(Socket& socket);

}  // namespace jiro::monitor
