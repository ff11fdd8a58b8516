// SPDX-License-Identifier: MIT
#pragma once
// The dispatcher's CommandObserver over the monitor's counters and the audit. Event loop only.

#include "daemon/audit.hpp"
#include "jiro/commands/command_observer.hpp"
#include "jiro/monitor/command_queue_monitor.hpp"

namespace jiro::daemon {

class CommandMetrics final : public commands::CommandObserver {
  public:
    CommandMetrics(monitor::CommandQueueMonitor& monitor, Audit& audit, const Clock& clock)
        : monitor_(monitor), audit_(audit), clock_(clock) {}

    void received(const std::string&) override { monitor_.received(); }
    void started(const std::string& command_sync_id, const std::string& command_name) override {
        monitor_.started(command_sync_id, command_name, clock_.now());
    }
    void detached(const std::string& command_sync_id) override { monitor_.detached(command_sync_id); }
    void suspended(const std::string& command_sync_id) override { monitor_.suspended(command_sync_id); }
    void finished(const commands::FinishedEvent& event) override {
        monitor_.finished(event.command_sync_id, event.outcome, event.queue_time, event.run_time);
    }
    void deferred(const std::string&) override { monitor_.deferred(); }
    void rejected(Rejection why) override { monitor_.rejected(why); }
    void ended(const commands::AuditedCommand& command) override { audit_.add(command); }

  private:
    monitor::CommandQueueMonitor& monitor_;
    Audit& audit_;
    const Clock& clock_;
};

}  // namespace jiro::daemon
