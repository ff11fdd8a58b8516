// SPDX-License-Identifier: MIT
#pragma once
// Programs that go on while the daemon is restarted (Commands.Exec.Survives). A program in a unit of its own lives as
// long as somebody holds the connection to that unit: so somebody who outlives this process holds it too, with the
// files that the program prints into, and hands all of it to the next process. The daemon implements this over
// systemd's descriptor store. Used by the handlers of exec commands; event loop only.

#include <functional>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro::commands {

struct ProgramDescriptors {
    FileDescriptor connection;  // to its unit
    FileDescriptor output;      // files in memory, from their first byte on
    FileDescriptor error_output;
    FileDescriptor secrets;  // likewise, for the daemon alone: what is masked in the output, a line each
};

class KeptPrograms {
  public:
    virtual ~KeptPrograms() = default;

    // The program of that command is held elsewhere, too, until drop(). False: nobody would.
    [[nodiscard]] virtual bool keep(const std::string& command_sync_id, TimePoint started_at,
                                    const ProgramDescriptors& program) = 0;
    // What an earlier process kept; given once.
    [[nodiscard]] virtual std::optional<ProgramDescriptors> take(const std::string& command_sync_id) = 0;
    // With the last descriptor of its connection the unit ends. Nothing happens when it is not held.
    virtual void drop(const std::string& command_sync_id) = 0;
};

// Between the dispatcher and the handler of a command whose program may go on without this process.
struct Handover {
    bool is_wanted = false;           // by the dispatcher: the daemon stops
    bool is_possible = false;         // says the handler: the program is held elsewhere
    bool is_done = false;             // says the handler: it left the program as it is, and its result means nothing
    std::function<void()> settled{};  // called when the outcome is stored, so that nobody need hold it any more

    [[nodiscard]] bool is_due() const noexcept { return is_wanted && is_possible; }
};

}  // namespace jiro::commands
