// SPDX-License-Identifier: MIT
#pragma once
// Datagrams to systemd's notify socket ($NOTIFY_SOCKET, sd_notify(3)). sd_notify itself waits for as long as nobody
// reads there, which a systemd that hangs or a supervisor of another kind may do for ever: here nothing waits. What
// finds no room is kept and sent later. Any thread, one at a time.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jiro::daemon {

enum class Notified {
    sent,
    not_now,  // the socket is full
    nobody,   // there is no such socket, or nobody behind it
};

// One datagram; with that descriptor, unless it is below zero.
[[nodiscard]] Notified notify_systemd(std::string_view state, int descriptor = -1);

// Sends in the order of the calls. Of what is kept for later, the latest of each kind counts.
class NotifyQueue {
  public:
    void send(std::string_view kind, std::string state);
    // What was kept, as far as there is room now. True: all of it was sent.
    bool retry();

  private:
    std::vector<std::pair<std::string, std::string>> kept_;  // kind and datagram, the oldest first
};

}  // namespace jiro::daemon
