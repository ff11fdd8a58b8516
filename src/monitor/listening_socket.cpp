// SPDX-License-Identifier: MIT
#include "monitor/listening_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>

#include "jiro/monitor/errors.hpp"

namespace jiro::monitor {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 128;
constexpr mode_t kSocketMode = 0660;

std::optional<std::uint64_t> socket_inode(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
    return status.st_ino;
}

Error listen_error(const Listen& listen, const error_code& error) {
    const std::string where = "cannot listen on " + to_string(listen) + ": ";
    if (error == asio::error::address_in_use) {
        const bool is_unix = std::holds_alternative<ListenUnix>(listen);
        return Error(errc::address_in_use,
                     where + "another program, perhaps another jiro-client, serves there; stop it (`" +
                         (is_unix ? "ss -lxp" : "ss -ltnp") + "` names it) or change Monitoring.Listen");
    }
    if (error == asio::error::access_denied) {
        return Error(errc::cannot_listen, where +
                                              "permission denied; choose a port from 1024 on, or a folder that the "
                                              "daemon's user may write");
    }
    if (error == error_code(EADDRNOTAVAIL, boost::system::system_category())) {
        return Error(errc::cannot_listen, where + "this machine does not have that address");
    }
    if (error == error_code(ENOENT, boost::system::system_category())) {
        return Error(errc::cannot_listen, where + "the folder does not exist");
    }
    return Error(errc::cannot_listen, where + error.message());
}

Result<ListeningSocket> open_tcp(const Executor& executor, const ListenTcp& listen) {
    error_code error;
    const auto address = asio::ip::make_address(listen.address, error);
    if (error) return listen_error(listen, error);
    const asio::ip::tcp::endpoint endpoint(address, listen.port);

    Acceptor acceptor(executor);
    acceptor.open(asio::generic::stream_protocol(endpoint.protocol()), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(kBacklog, error);
    if (error) return listen_error(listen, error);

    const auto bound = acceptor.local_endpoint(error);
    if (error) return listen_error(listen, error);
    asio::ip::tcp::endpoint local;
    std::memcpy(local.data(), bound.data(), std::min(bound.size(), local.capacity()));
    return ListeningSocket{std::move(acceptor), ListenTcp{listen.address, local.port()}, std::nullopt};
}

// Makes room for our socket file: nothing there, or a socket that nobody serves, which is removed.
error_code clear_path(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return {};  // bind tells what is wrong, if anything is
    if (!S_ISSOCK(status.st_mode)) return error_code(ENOTSOCK, boost::system::system_category());

    asio::io_context context;
    asio::local::stream_protocol::socket probe(context);
    error_code error;
    probe.open(asio::local::stream_protocol(), error);
    if (!error) probe.non_blocking(true, error);
    if (error) return error;
    probe.connect(asio::local::stream_protocol::endpoint(path), error);
    if (error == asio::error::connection_refused) {
        if (unlink(path.c_str()) != 0) return error_code(errno, boost::system::system_category());
        return {};
    }
    // Connected, or its queue is full: somebody serves.
    if (!error || error == asio::error::would_block || error == asio::error::try_again)
        return asio::error::address_in_use;
    return error;
}

Result<ListeningSocket> open_unix(const Executor& executor, const ListenUnix& listen) {
    if (listen.path.size() > kMaxUnixPathBytes) {
        return Error(errc::path_too_long, "cannot listen on " + to_string(listen) + ": the path has " +
                                              std::to_string(listen.path.size()) + " bytes, the kernel takes at most " +
                                              std::to_string(kMaxUnixPathBytes));
    }
    error_code error = clear_path(listen.path);
    if (error == error_code(ENOTSOCK, boost::system::system_category())) {
        return Error(errc::cannot_listen,
                     "cannot listen on " + to_string(listen) +
                         ": a file that is not a socket is there; remove it or change Monitoring.Listen");
    }
    if (error) return listen_error(listen, error);

    const asio::local::stream_protocol::endpoint endpoint(listen.path);
    Acceptor acceptor(executor);
    acceptor.open(asio::generic::stream_protocol(endpoint.protocol()), error);
    if (error) return listen_error(listen, error);
    // Linux creates the file with the socket's own mode: nobody can connect before the chmod, whatever the umask is.
    if (fchmod(acceptor.native_handle(), 0) != 0) {
        return listen_error(listen, error_code(errno, boost::system::system_category()));
    }
    acceptor.bind(endpoint, error);
    if (error) return listen_error(listen, error);
    SocketFile file(listen.path);
    if (chmod(listen.path.c_str(), kSocketMode) != 0) {
        return listen_error(listen, error_code(errno, boost::system::system_category()));
    }
    acceptor.listen(kBacklog, error);
    if (error) return listen_error(listen, error);
    return ListeningSocket{std::move(acceptor), listen, std::move(file)};
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)), inode_(socket_inode(path_).value_or(0)) {}

SocketFile::~SocketFile() {
    if (!path_.empty() && socket_inode(path_) == inode_) unlink(path_.c_str());
}

Result<ListeningSocket> open_listening_socket(const Executor& executor, const Listen& listen) {
    if (const auto* local = std::get_if<ListenUnix>(&listen)) return open_unix(executor, *local);
    if (const auto* tcp = std::get_if<ListenTcp>(&listen)) return open_tcp(executor, *tcp);
    return Error(errc::switched_off);
}

std::optional<Peer> peer_of(Socket& socket) {
    error_code error;
    const auto local = socket.local_endpoint(error);
    if (error || local.protocol().family() != AF_UNIX) return std::nullopt;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    return Peer{credentials.uid, credentials.pid};
}

}  // namespace jiro::monitor
