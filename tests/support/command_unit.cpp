// SPDX-License-Identifier: MIT
// What systemd does for jiro-command.socket, without it: listens on the socket of the first argument and serves each
// connection in a process of its own, as `jiro-client run-command` does, but as the same user.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <string>

#include "jiro/commands/unit_side.hpp"

namespace {

int serve(int connection) {
    boost::asio::io_context context(1);
    jiro::SystemClock clock;
    boost::asio::co_spawn(context, jiro::commands::serve_command(jiro::FileDescriptor(connection), clock),
                          boost::asio::detached);
    context.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "";
    const std::string not_ready = path + ".new";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Nobody waits for the children, nor for what they leave behind.
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    not_ready.copy(address.sun_path, sizeof address.sun_path - 1);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 1;
    if (listen(listener, 128) != 0 || rename(not_ready.c_str(), path.c_str()) != 0) return 1;
    for (;;) {
        const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        if (fork() == 0) {
            signal(SIGCHLD, SIG_DFL);
            close(listener);
            _exit(serve(connection));
        }
        close(connection);
    }
}
