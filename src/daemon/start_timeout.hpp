// SPDX-License-Identifier: MIT
#pragma once
// While the daemon opens, checks, takes over and recovers a large outbox, systemd must not take it for hung: a thread
// of its own asks for more time, again and again, until the daemon is ready. The work blocks the main thread, so that
// cannot ask by itself. It also says in the log what is being waited for.

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

namespace jiro::daemon {

class StartTimeoutExtender {
  public:
    // Asks every `interval` for three times as much, counted from then. `ask` is called on the thread.
    using Ask = std::function<void(std::chrono::microseconds)>;

    // With systemd as whom it asks. No thread to be had: nobody asks.
    StartTimeoutExtender();
    StartTimeoutExtender(std::chrono::milliseconds interval, Ask ask);
    StartTimeoutExtender(const StartTimeoutExtender&) = delete;
    StartTimeoutExtender& operator=(const StartTimeoutExtender&) = delete;

  private:
    void run(const std::stop_token& over) const;

    const std::chrono::milliseconds interval_;
    const Ask ask_;
    std::jthread thread_;
};

}  // namespace jiro::daemon
