// SPDX-License-Identifier: MIT
#pragma once
// One event for each command that ended or was refused, always with the same fields: who asked for what, as whom it
// ran, how it ended, when (Logging.Audit; docs/operations.md). Not the text itself, only its SHA-256, and nothing of
// what it printed. Either an event of the log's with a MESSAGE_ID of its own, which no level and no budget keeps back,
// or a line of JSON in a file. Event loop only; nothing here waits.

#include <boost/asio/thread_pool.hpp>
#include <string>

#include "daemon/audit_file.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/commands/command_observer.hpp"

namespace jiro::daemon {

class Audit {
  public:
    // `workers` hash long texts; an event that waits for one is written when the loop runs.
    Audit(const Executor& executor, Clock& clock, boost::asio::thread_pool& workers);

    // `where`: Logging.Audit. `hub`: which one is obeyed, without secrets. At the start and at a reload.
    void use(const std::string& where, std::string hub);

    void add(const commands::AuditedCommand& command);

    // Writes the file, until cancelled.
    [[nodiscard]] Task<> run() { return file_.run(); }
    // At the stop: what the file has not taken by then, and what comes later, goes to the log.
    [[nodiscard]] Task<> flush(TimePoint deadline);

  private:
    enum class Where { nowhere, log, file };

    template <typename Fields>
    void write(const Fields& fields);

    Executor executor_;
    Clock& clock_;
    boost::asio::thread_pool& workers_;
    Event hashed_;
    std::size_t hashing_bytes_ = 0;  // of texts that workers have
    AuditFile file_;
    Where where_ = Where::nowhere;
    std::string hub_;
};

}  // namespace jiro::daemon
