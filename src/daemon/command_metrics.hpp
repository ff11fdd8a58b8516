// SPDX-License-Identifier: MIT
#pragma once
// The dispatcher's CommandObserver over the monitor's atomics. Event loop only.

#include "jiro/base/clock.hpp"
#include "jiro/commands/command_observer.hpp"
#include "jiro/monitor/command_queue_monitor.hpp"

namespace jiro::daemon {

class CommandMetrics final : public commands::CommandObserver {
  public:
    CommandMetrics(monitor::CommandQueueMonitor& monitor, const Clock& clock) : monitor_(monitor), clock_(clock) {}

    void received(const std::string& command_sync_id) override;
    void started(const std::string& command_sync_id, const std::string& command_name) override;
    void detached(const std::string& command_sync_id) override;
    void finished(const commands::FinishedEvent& event) override;
    void deferred(const std::string& command_sync_id) override;
    void rejected(Rejection why) override;

  private:
    monitor::CommandQueueMonitor& monitor_;
    const Clock& clock_;
};

}  // namespace jiro::daemon
