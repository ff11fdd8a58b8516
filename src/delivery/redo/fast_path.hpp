// SPDX-License-Identifier: MIT
#pragma once
// The short way through the outbox, for commands about which there is no doubt: their changes are committed by
// appending them to the redo log, on the event loop, without waiting for the storage thread. What is doubtful (an id
// that may be known, a change too long for the log, an outbox that is full, closed or has no log) is refused here and
// takes the long way, as a job of the storage thread, which redoes the log first. Used by SqliteOutbox, on the event
// loop.

#include <string>
#include <unordered_map>

#include "delivery/storage_thread.hpp"

namespace jiro::delivery {

class FastPath {
  public:
    explicit FastPath(StorageThread& storage) : storage_(storage) { prepare(); }

    // True: committed. False: nothing was done.
    [[nodiscard]] bool received(const Receipt& receipt, FirstState state);
    [[nodiscard]] bool started(const std::string& id);
    [[nodiscard]] bool finished(const std::string& id, Outcome kind, const std::string& message, Lease lease,
                                WallTime now);
    [[nodiscard]] bool delivered(const std::string& id, WallTime now);

    // What goes the long way.
    void note_known(const std::string& id) { storage_.seen_ids().add(id); }  // before the database is asked
    void note_received(const std::string& id, FirstState state) { unfinished_.insert_or_assign(id, state); }
    void note_finished(const std::string& id) { unfinished_.erase(id); }

  private:
    void prepare();

    StorageThread& storage_;
    // What this process received and has not finished; their rows are in these states for certain.
    std::unordered_map<std::string, FirstState> unfinished_;
};

}  // namespace jiro::delivery
