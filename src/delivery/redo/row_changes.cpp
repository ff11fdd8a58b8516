// SPDX-License-Identifier: MIT
#include "delivery/redo/row_changes.hpp"

namespace jiro::delivery {

void RowChanges::add(const RedoRecord& record) {
    std::visit([this](const auto& change) { apply(change); }, record);
}

RowChange& RowChanges::of(std::string_view id) {
    const auto [place, is_new] = places_.try_emplace(id, changes_.size());
    if (is_new) changes_.push_back({.id = id, .received = {}, .finished = {}, .delivered = {}});
    return changes_[place->second];
}

// The first counts: a second one says nothing that the row may take.
void RowChanges::apply(const ReceivedChange& change) {
    RowChange& row = of(change.id);
    if (!row.received) row.received = change;
}

void RowChanges::apply(const StartedChange& change) { of(change.id).is_started = true; }

void RowChanges::apply(const FinishedChange& change) {
    RowChange& row = of(change.id);
    if (!row.finished) row.finished = change;
}

void RowChanges::apply(const DeliveredChange& change) { of(change.id).delivered = change; }

}  // namespace jiro::delivery
