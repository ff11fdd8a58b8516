// SPDX-License-Identifier: MIT
#include "delivery/redo/row_changes.hpp"

namespace jiro::delivery {

namespace {

// The first counts: a second one says nothing that the row may take.
void apply(const ReceivedChange& change, RowChange& row) {
    if (!row.received) row.received = change;
}

void apply(const StartedChange&, RowChange& row) { row.is_started = true; }

void apply(const FinishedChange& change, RowChange& row) {
    if (!row.finished) row.finished = change;
}

void apply(const DeliveredChange& change, RowChange& row) { row.delivered = change; }

}  // namespace

void RowChanges::add(const RedoRecord& record, RedoLog::Position at) {
    const auto id = id_of(record);
    const auto [place, is_new] = places_.try_emplace(id, changes_.size());
    if (is_new) changes_.push_back({.id = id, .begin = at, .received = {}, .finished = {}, .delivered = {}});
    std::visit([&](const auto& change) { apply(change, changes_[place->second]); }, record);
}

std::optional<RedoLog::Position> RowChanges::leave_in_hand(RedoLog::Position from) {
    std::optional<RedoLog::Position> first;
    std::erase_if(changes_, [&](const RowChange& change) {
        if (!change.is_in_hand() || change.begin < from) return false;
        if (!first) first = change.begin;
        places_.erase(change.id);
        return true;
    });
    return first;
}

bool RowChanges::has(std::string_view id) const { return places_.contains(id); }

}  // namespace jiro::delivery
