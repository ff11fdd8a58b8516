// SPDX-License-Identifier: MIT
#pragma once
// A terminal that is drawn anew again and again, and is as it was when this object is gone; and the signals that end or
// interrupt such a program, as something to wait for. For `status --watch`.

#include <signal.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jiro::daemon::cli {

// The terminal's other screen, without a cursor, while this lives. Standard output must be a terminal.
class TerminalScreen {
  public:
    TerminalScreen() { enter(); }
    ~TerminalScreen() { leave(); }
    TerminalScreen(const TerminalScreen&) = delete;
    TerminalScreen& operator=(const TerminalScreen&) = delete;

    // What does not fit is cut. False: the terminal is gone.
    bool draw(std::string_view text);

    // Around a stop by Ctrl-Z.
    void enter();
    void leave();
};

// At most so many lines and columns, each line ending with the rest of it cleared. Pure.
[[nodiscard]] std::string fit(std::string_view text, std::size_t columns, std::size_t rows);

// Holds SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH back from their default while this lives. The process has no
// other thread.
class HeldSignals {
  public:
    HeldSignals();
    ~HeldSignals();
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

    // The next of them; nullopt when `limit` passed.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit) const;

  private:
    sigset_t held_{};
    sigset_t before_{};
};

}  // namespace jiro::daemon::cli
