// SPDX-License-Identifier: MIT
#pragma once
// systemd's descriptor store of the service (FileDescriptorStoreMax): what it holds outlives this process and comes
// back with the next one, after a restart, an upgrade or a crash; at a stop systemd closes it. Holds the descriptors of
// programs that survive. Their names there: run-<hash of the id>-<start, ms of the monotonic clock>-<part>. Event loop
// only; nothing waits: what systemd does not take at once is not kept. Source: sd_pid_notify_with_fds(3),
// sd_listen_fds_with_names(3).

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/notify_socket.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/commands/kept_programs.hpp"

namespace jiro::daemon {

class DescriptorStore final : public commands::KeptPrograms {
  public:
    // With what the process was given.
    explicit DescriptorStore(const Environment& environment);

    [[nodiscard]] bool keep(const std::string& command_sync_id, TimePoint started_at,
                            const commands::ProgramDescriptors& program) override;
    [[nodiscard]] std::optional<commands::ProgramDescriptors> take(const std::string& command_sync_id) override;
    void drop(const std::string& command_sync_id) override;

    // Of a program that an earlier process kept and whose descriptors are all there: when it was started. The command
    // counts as taken up. Nothing: there is none.
    [[nodiscard]] std::optional<TimePoint> claim(const std::string& command_sync_id);
    // Whether claim() would find one; pure, for any thread, and of what is there now.
    [[nodiscard]] std::function<bool(const std::string& command_sync_id)> finder() const;
    // What no command of the outbox asked for: its program ends. Returns how many.
    int drop_unclaimed();

  private:
    struct Entry {
        TimePoint started_at;
        commands::ProgramDescriptors program;  // none of them: taken, or held by systemd alone
        bool is_claimed = false;
    };

    void take_given();
    void remove(const std::string& key, const Entry& entry);

    std::size_t most_programs_;
    NotifyQueue removals_;
    std::map<std::string, Entry> entries_;  // by the hash of the id
};

}  // namespace jiro::daemon
