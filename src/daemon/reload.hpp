// SPDX-License-Identifier: MIT
#pragma once
// Reads the configuration again on SIGHUP (systemctl reload): validate, then swap. A file with errors, or one that
// cannot be applied, changes nothing; the errors are logged and shown in the service's status. Event loop only.

#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/service_notifier.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/task.hpp"
#include "jiro/config/config.hpp"
#include "jiro/config/load.hpp"
#include "jiro/config/print.hpp"

namespace jiro::daemon {

struct ReloadReport {
    std::vector<std::string> errors;        // why it was refused; empty: it is in force
    std::vector<std::string> in_force;      // keys that changed
    std::vector<std::string> want_restart;  // keys that differ from what runs, at this reload or an earlier one
    [[nodiscard]] bool accepted() const noexcept { return errors.empty(); }
};

class Reloader {
  public:
    // Puts a validated configuration in force, all or nothing. Keys that only a restart can change have their running
    // values in it.
    using Apply = std::function<Result<>(const config::Config& next)>;

    Reloader(const Executor& executor, config::Config current, Environment environment, Clock& clock,
             ServiceNotifier& notifier, Apply apply);

    // Reloads at each SIGHUP until cancelled.
    [[nodiscard]] Task<> run();
    // Reads off the event loop; two at a time come one after the other.
    [[nodiscard]] Task<ReloadReport> reload();
    // Puts these keys of `loaded` in force; all others stay as they run, whatever the file says meanwhile.
    [[nodiscard]] Task<Result<>> change(config::Config loaded, std::vector<std::string> paths);

    [[nodiscard]] std::optional<bool> last_succeeded() const noexcept { return last_succeeded_; }
    [[nodiscard]] std::optional<WallTime> last_at() const noexcept { return last_at_; }
    // "; last reload refused: ..." or "; a restart is wanted for ..." for the status line; empty when all is well.
    [[nodiscard]] const std::string& status_note() const noexcept { return status_note_; }

  private:
    [[nodiscard]] Task<config::LoadResult> load();
    ReloadReport try_reload(config::LoadResult loaded);
    Result<> put_in_force(config::Config next);
    void log_report(const ReloadReport& report);

    boost::asio::signal_set signals_;
    config::Config current_;  // what runs
    Environment environment_;
    Clock& clock_;
    ServiceNotifier& notifier_;
    Apply apply_;
    std::optional<bool> last_succeeded_;
    std::optional<WallTime> last_at_;
    std::string status_note_;
    bool is_reloading_ = false;
    Event reloaded_;
};

}  // namespace jiro::daemon
