#pragma once
// SIGTERM and SIGINT as something to await. The first asks for an orderly stop, the second for one at once. Event loop
// only.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>

#include "jiro/base/task.hpp"

namespace jiro::daemon {

class ShutdownSignal {
  public:
    // From here on the signals no longer end the process by themselves.
    explicit ShutdownSignal(const boost::asio::any_io_executor& executor);

    // Returns at the next of them. Cancellable.
    [[nodiscard]] Task<> wait();

  private:
    boost::asio::signal_set signals_;
};

}  // namespace jiro::daemon
