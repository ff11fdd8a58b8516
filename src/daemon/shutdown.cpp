#include "daemon/shutdown.hpp"

#include <csignal>

namespace jiro::daemon {

ShutdownSignal::ShutdownSignal(const boost::asio::any_io_executor& executor) : signals_(executor, SIGTERM, SIGINT) {}

Task<> ShutdownSignal::wait() { co_await signals_.async_wait(boost::asio::use_awaitable); }

}  // namespace jiro::daemon
