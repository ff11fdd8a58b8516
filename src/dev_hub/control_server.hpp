// SPDX-License-Identifier: MIT
#pragma once
// Serves the control protocol on a Unix socket: other terminals and test harnesses drive the running server by it. The
// socket file has mode 0600, replaces a dead one, and goes away with the server. Event loop only.

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "dev_hub/dev_hub.hpp"

namespace jiro::dev_hub {

class ControlServer {
  public:
    // `on_quit` is called when a client asked the server to end.
    ControlServer(boost::asio::any_io_executor executor, DevHub& hub, std::function<void()> on_quit);
    ~ControlServer();

    // Fails when another server answers on this path.
    [[nodiscard]] Result<> start(const std::filesystem::path& path);
    [[nodiscard]] Task<> stop();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace jiro::dev_hub
