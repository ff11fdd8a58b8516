// SPDX-License-Identifier: MIT
#pragma once
// Says at the start and after each reload which files of the Tls sections cannot be used, in the words of check-config.
// The daemon goes on without them: a certificate may come later, and each connection reads them anew.

#include <functional>

#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon {

class TlsWatch {
  public:
    using Running = std::function<const config::Config&()>;

    TlsWatch(const Executor& executor, Clock& clock, Running running)
        : clock_(clock), running_(std::move(running)), reloaded_(executor) {}

    void look_again() {
        must_look_ = true;
        reloaded_.notify();
    }
    [[nodiscard]] Task<> run();

  private:
    Clock& clock_;
    Running running_;
    Event reloaded_;
    bool must_look_ = true;
};

}  // namespace jiro::daemon
