// SPDX-License-Identifier: MIT
#include "jiro/monitor/status_server.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "jiro/base/event.hpp"
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
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        monitor_log.error("A connection of the status endpoint failed", {{"reason", error.what()}});
    }
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

    Task<> wait_for_cancellation() {
        Event never(executor);
        co_await never.wait();
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
    try {
        if (impl_->listening) {
            co_await impl_->accept_connections();
        } else {
            co_await impl_->wait_for_cancellation();
        }
    } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted) throw;
    }
    // Cancelled: the connections still have to be told and awaited.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    impl_->listening.reset();
    impl_->connections.abort();
    co_await impl_->connections.wait();
}

Listen StatusServer::local() const { return impl_->context.local; }

std::size_t StatusServer::connections() const { return impl_->connections.size(); }

}  // namespace jiro::monitor
