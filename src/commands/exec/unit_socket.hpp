// SPDX-License-Identifier: MIT
#pragma once
// The socket at which systemd starts a unit for each connection. A unit takes tens of milliseconds to come up, most of
// them for its sandbox; so connections are made ahead, and their units wait for the next programs: as many as lately
// were in use at a time, at least one and at most kMostWaiting. Used by the handlers of one registry; a reload begins
// anew. Event loop only; nothing here blocks.

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro::commands {

class UnitSocket {
  public:
    explicit UnitSocket(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    static constexpr std::size_t kMostWaiting = 4;

    // A connection that was made ahead and whose unit still waits; else none.
    [[nodiscard]] FileDescriptor take_spare(TimePoint now);
    // A new connection; none: errno says why. EAGAIN: the socket's queue is full, whoever listens is slow.
    [[nodiscard]] FileDescriptor connect() const;
    // Makes some ahead, until there are as many as should wait.
    void prepare();

    // While it lives, one more unit is in use; of no socket: nothing.
    class Use {
      public:
        explicit Use(std::shared_ptr<UnitSocket> socket);
        Use(Use&&) noexcept = default;
        Use& operator=(Use&&) = delete;
        ~Use();

      private:
        std::shared_ptr<UnitSocket> socket_;
    };

  private:
    std::string path_;
    std::deque<FileDescriptor> spares_;  // the oldest first
    std::size_t in_use_ = 0;
    std::size_t wanted_ = 1;  // spares
    TimePoint taken_at_{};
};

}  // namespace jiro::commands
