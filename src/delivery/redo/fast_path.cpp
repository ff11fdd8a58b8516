// SPDX-License-Identifier: MIT
#include "delivery/redo/fast_path.hpp"

#include "delivery/failpoint.hpp"

namespace jiro::delivery {

void FastPath::prepare() {
    if (!storage_.changes().has_log() || !storage_.seen_ids().wants_filter()) return;
    storage_.seen_ids().begin();
    storage_.load_seen_ids();
}

bool FastPath::received(const Receipt& receipt, FirstState state) {
    prepare();
    if (!storage_.changes().admits_changes() || storage_.seen_ids().may_contain(receipt.id)) return false;
    JIRO_FAILPOINT("c0_before_received_commit");
    if (!storage_.append(ReceivedChange::of(receipt, state))) return false;
    JIRO_FAILPOINT(state == FirstState::running ? "c3_running_committed" : "c1_received_committed");
    storage_.seen_ids().add(receipt.id);
    unfinished_.emplace(receipt.id, state);
    return true;
}

bool FastPath::started(const std::string& id) {
    const auto waiting = unfinished_.find(id);
    if (!storage_.changes().takes_changes() || waiting == unfinished_.end() || waiting->second == FirstState::running)
        return false;
    JIRO_FAILPOINT("c2_before_running_commit");
    if (!storage_.append(StartedChange{id})) return false;
    JIRO_FAILPOINT("c3_running_committed");
    waiting->second = FirstState::running;
    return true;
}

bool FastPath::finished(const std::string& id, Outcome kind, const std::string& message, Lease lease, WallTime now) {
    const auto unfinished = unfinished_.find(id);
    if (!storage_.changes().takes_changes() || unfinished == unfinished_.end()) return false;
    JIRO_FAILPOINT("c5_before_done_commit");
    if (!storage_.append(FinishedChange{id, kind, message, lease, now})) return false;
    JIRO_FAILPOINT("c6_done_committed");
    unfinished_.erase(unfinished);
    return true;
}

// Also while the database takes nothing: that the server confirmed is worth keeping.
bool FastPath::delivered(const std::string& id, WallTime now) {
    unfinished_.erase(id);  // an outcome that could not be stored was sent from memory
    JIRO_FAILPOINT("c8_before_delivered_commit");
    return storage_.append(DeliveredChange{id, now});
}

}  // namespace jiro::delivery
