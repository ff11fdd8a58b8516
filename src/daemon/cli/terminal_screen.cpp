// SPDX-License-Identifier: MIT
#include "daemon/cli/terminal_screen.hpp"

#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "jiro/base/file.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon::cli {

namespace {

constexpr std::string_view kEnter = "\033[?1049h\033[?25l";
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
constexpr std::string_view kHome = "\033[H";
constexpr std::string_view kClearLine = "\033[K";
constexpr std::string_view kClearBelow = "\033[J";

// The first `columns` characters of a line of UTF-8.
std::string_view first_columns(std::string_view line, std::size_t columns) {
    std::size_t end = 0;
    while (end < line.size()) {
        if (!is_utf8_continuation(line[end]) && columns-- == 0) break;
        ++end;
    }
    return line.substr(0, end);
}

}  // namespace

bool TerminalScreen::draw(std::string_view text) {
    winsize size{};
    const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    const std::size_t columns = is_known ? size.ws_col : 80;
    const std::size_t rows = is_known ? size.ws_row : 24;
    // From the corner and line by line over what stands there: a cleared screen would flicker.
    return write_all(STDOUT_FILENO, std::string(kHome) + fit(text, columns, rows) + std::string(kClearBelow));
}

void TerminalScreen::enter() { static_cast<void>(write_all(STDOUT_FILENO, kEnter)); }

void TerminalScreen::leave() { static_cast<void>(write_all(STDOUT_FILENO, kLeave)); }

std::string fit(std::string_view text, std::size_t columns, std::size_t rows) {
    std::string out;
    for (std::size_t row = 0; row < rows && !text.empty(); ++row) {
        const auto end = text.find('\n');
        if (row > 0) out += "\r\n";
        out += first_columns(text.substr(0, end), columns);
        out += kClearLine;
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return out;
}

HeldSignals::HeldSignals() {
    sigemptyset(&held_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH}) sigaddset(&held_, signal);
    pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::optional<int> HeldSignals::wait(std::chrono::milliseconds limit) const {
    const timespec time{static_cast<time_t>(limit.count() / 1000), static_cast<long>(limit.count() % 1000) * 1'000'000};
    const int signal = sigtimedwait(&held_, nullptr, &time);
    return signal > 0 ? std::optional(signal) : std::nullopt;
}

}  // namespace jiro::daemon::cli
