// SPDX-License-Identifier: MIT
#include "dev_hub/control_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "dev_hub/control_protocol.hpp"
#include "dev_hub/errors.hpp"
#include "dev_hub/log.hpp"
#include "jiro/base/task_group.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxRequest = 64U << 20;

}  // namespace

struct ControlServer::State {
    State(asio::any_io_executor on, DevHub& of, std::function<void()> quit)
        : executor(std::move(on)), hub(of), on_quit(std::move(quit)), acceptor(executor) {}

    asio::any_io_executor executor;
    DevHub& hub;
    std::function<void()> on_quit;
    stream_protocol::acceptor acceptor;
    std::filesystem::path path;
    TaskGroup tasks{[](const std::exception_ptr&) { logger.error("A control connection ended with an exception"); }};

    static Task<> accept(std::shared_ptr<State> self) {
        while (self->acceptor.is_open()) {
            auto [error, socket] = co_await self->acceptor.async_accept(kNoThrow);
            if (error) co_return;
            self->tasks.spawn(self->executor, serve(self, std::move(socket)));
        }
    }

    static Task<> serve(std::shared_ptr<State> self, stream_protocol::socket socket) {
        std::string buffer;
        while (true) {
            const auto [error, size] =
                co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer, kMaxRequest), '\n', kNoThrow);
            if (error) co_return;
            auto line = buffer.substr(0, size);
            buffer.erase(0, size);
            bool quit = false;
            const auto response = co_await execute(self->hub, std::move(line), quit);
            const auto text = to_line(response);
            const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(text), kNoThrow);
            if (quit) self->on_quit();
            if (write_error) co_return;
        }
    }
};

ControlServer::ControlServer(asio::any_io_executor executor, DevHub& hub, std::function<void()> on_quit)
    : state_(std::make_shared<State>(std::move(executor), hub, std::move(on_quit))) {}

ControlServer::~ControlServer() {
    if (!state_->path.empty()) ::unlink(state_->path.c_str());
}

Result<> ControlServer::start(const std::filesystem::path& path) {
    const auto failed = [&](const std::string& why) {
        return Error(errc::cannot_listen, "control socket " + path.string() + ": " + why);
    };
    if (path.native().size() >= sizeof(sockaddr_un::sun_path)) return failed("the path is too long");
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) return failed("exists and is not a socket");
        stream_protocol::socket probe(state_->executor);
        error_code error;
        probe.connect(stream_protocol::endpoint(path.string()), error);
        if (!error) return failed("another server answers on it");
        ::unlink(path.c_str());
    }
    error_code error;
    auto& acceptor = state_->acceptor;
    acceptor.open(stream_protocol(), error);
    if (error) return failed(error.message());
    const auto mask = ::umask(0177);
    acceptor.bind(stream_protocol::endpoint(path.string()), error);
    ::umask(mask);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failed(error.message());
    state_->path = path;
    state_->tasks.spawn(state_->executor, State::accept(state_));
    return {};
}

Task<> ControlServer::stop() {
    error_code ignored;
    state_->acceptor.close(ignored);
    state_->tasks.abort();
    co_await state_->tasks.wait();
}

}  // namespace jiro::dev_hub
