// SPDX-License-Identifier: MIT
#include "jiro/monitor/status_server.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>

#include "jiro/base/event.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/task_group.hpp"
#include "monitor/http_session.hpp"
#include "monitor/log.hpp"

namespace jiro::monitor {

namespace asio = boost::asio;

namespace {

std::vector<std::string> with_machine_name(std::vector<std::string> names) {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    names.emplace_back(name.data());
    return names;
}

void report(const std::exception_ptr& exception) {
    monitor_log.error("A connection of the status endpoint failed", {{"reason", what_of(exception)}});
}

}  // namespace

struct StatusServer::Impl {
    Executor executor;
    ServerContext context;
    std::optional<ListeningSocket> listening;
    TaskGroup connections{report};

    Task<> accept_connections() {
        for (;;) {
            auto [error, socket] = co_await listening->acceptor.async_accept(kNoThrow);
            if (error == asio::error::operation_aborted) co_return;
            if (error) {
                // Out of descriptors, most likely: the one in the queue stays there, so do not spin.
                monitor_log.warn("The status endpoint cannot accept connections", {{"reason", error.message()}});
                co_await context.clock.sleep_for(std::chrono::milliseconds(200));
                continue;
            }
            const bool is_full = connections.size() >= context.limits.max_connections;
            if (is_full && !end_longest_idle(context)) {
                monitor_log.debug("Too many connections to the status endpoint");
                refuse_connection(std::move(socket));
                continue;
            }
            connections.spawn(executor, serve_connection(context, std::move(socket)));
        }
    }
};

StatusServer::StatusServer(Executor executor, Clock& clock, Settings settings, std::function<Status()> source,
                           Routes routes, ServerLimits limits)
    : impl_(new Impl{std::move(executor),
                     {clock,
                      std::move(source),
                      std::move(routes),
                      limits,
                      std::move(settings.listen),
                      with_machine_name(std::move(settings.hosts)),
                      {}},
                     std::nullopt}) {}

StatusServer::~StatusServer() = default;

Result<> StatusServer::listen() {
    if (std::holds_alternative<ListenOff>(impl_->context.local)) return {};
    auto opened = open_listening_socket(impl_->executor, impl_->context.local);
    if (!opened) return opened.error();
    impl_->context.local = opened->local;
    impl_->listening.emplace(std::move(*opened));
    monitor_log.info("Status endpoint listens", {{"address", to_string(impl_->context.local)}});
    return {};
}

Task<> StatusServer::run() {
    auto serving = impl_->listening ? impl_->accept_connections() : until_cancelled();
    static_cast<void>(co_await unless_cancelled(std::move(serving)));
    // Cancelled: the connections still have to be told and awaited.
    impl_->listening.reset();
    impl_->connections.abort();
    co_await impl_->connections.wait();
}

Listen StatusServer::local() const { return impl_->context.local; }

std::size_t StatusServer::connections() const { return impl_->connections.size(); }

}  // namespace jiro::monitor
