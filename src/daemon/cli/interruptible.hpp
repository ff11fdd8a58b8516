// SPDX-License-Identifier: MIT
#pragma once
// A subcommand that has something to clean up when its user ends it. While this lives, the first SIGINT, SIGTERM or
// SIGHUP cancels the coroutine that runs, which still returns what it has; one between two runs cancels the next. A
// second signal ends the process at once. Blocks; no other thread may wait for these signals.

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <optional>

#include "jiro/base/task.hpp"

namespace jiro::daemon::cli {

class Interruptible {
  public:
    explicit Interruptible(boost::asio::io_context& context)
        : context_(context), signals_(context, SIGINT, SIGTERM, SIGHUP) {}

    // Throws what the task threw.
    template <typename T>
    T run(Task<T> task) {
        std::optional<T> result;
        std::exception_ptr failure;
        boost::asio::co_spawn(
            context_, std::move(task),
            boost::asio::bind_cancellation_slot(stop_.slot(), [&](std::exception_ptr exception, T value) {
                failure = std::move(exception);
                result = std::move(value);
                signals_.cancel();
            }));
        wait();
        context_.restart();
        context_.run();
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }

    // That came; 0: none.
    [[nodiscard]] int signal() const noexcept { return signal_; }
    // Of a process that a signal ended, as a shell says it.
    [[nodiscard]] int exit_code() const noexcept { return kSignalled + signal_; }

  private:
    static constexpr int kSignalled = 128;

    void wait() {
        signals_.async_wait([this](const boost::system::error_code& error, int signal) {
            if (error) return;
            if (signal_ != 0) {
                signals_.clear();
                std::raise(signal);
            }
            signal_ = signal;
            wait();
            stop_.emit(boost::asio::cancellation_type::terminal);
        });
    }

    boost::asio::io_context& context_;
    boost::asio::signal_set signals_;
    boost::asio::cancellation_signal stop_;
    int signal_ = 0;
};

}  // namespace jiro::daemon::cli
