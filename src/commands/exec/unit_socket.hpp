// SPDX-License-Identifier: MIT
#pragma once
// The socket at which systemd starts a unit for each connection. A unit takes tens of milliseconds to come up, most of
// them for its sandbox; so one connection is made ahead, and its unit waits for the next program. Used by the handlers
// of one registry; a reload begins anew. Event loop only; nothing here blocks.

#include <string>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::commands {

class UnitSocket {
  public:
    explicit UnitSocket(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    // The connection that was made ahead, if its unit still waits; else none.
    [[nodiscard]] FileDescriptor take_spare();
    // A new connection; none: errno says why. EAGAIN: the socket's queue is full, whoever listens is slow.
    [[nodiscard]] FileDescriptor connect() const;
    // Makes one ahead, if there is none.
    void prepare();

  private:
    std::string path_;
    FileDescriptor spare_;
};

}  // namespace jiro::commands
