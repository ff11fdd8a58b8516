// SPDX-License-Identifier: MIT
#pragma once
// The composition root: builds every part in dependency order and runs them as one expression. The only place that
// knows everybody. Made and run by the subcommand `run`, on the main thread, which is the event loop.

#include <memory>

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon {

class Application {
  public:
    // Fails when the daemon cannot start: an outbox in use by another daemon, commands that cannot be built.
    [[nodiscard]] static Result<std::unique_ptr<Application>> make(config::Config config, Environment environment);
    ~Application();

    // Returns after SIGTERM or SIGINT, when the commands that ran have ended, or at once after a second signal.
    void run();

  private:
    struct Parts;
    explicit Application(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace jiro::daemon
