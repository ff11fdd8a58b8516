// SPDX-License-Identifier: MIT
#pragma once
// The changes of one stretch of the redo log, put together by row: a command that came and went in it costs the
// database one row and not three steps. Views point into the log.

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "delivery/redo/redo_log.hpp"
#include "delivery/redo/redo_record.hpp"

namespace jiro::delivery {

struct RowChange {
    std::string_view id;
    RedoLog::Position begin = 0;  // of the first of its records
    std::optional<ReceivedChange> received;
    bool is_started = false;
    std::optional<FinishedChange> finished;
    std::optional<DeliveredChange> delivered;

    // Came and went: nothing of it is waited for.
    [[nodiscard]] bool is_settled() const noexcept { return received && finished && delivered; }
    // Came, and may go soon.
    [[nodiscard]] bool is_in_hand() const noexcept { return received && !delivered; }
};

class RowChanges {
  public:
    void add(const RedoRecord& record, RedoLog::Position at);
    // In the order in which their commands first appear.
    [[nodiscard]] const std::vector<RowChange>& all() const noexcept { return changes_; }
    // Takes those out that are in hand and began at `from` or later; gives where the first of them begins.
    std::optional<RedoLog::Position> leave_in_hand(RedoLog::Position from);
    [[nodiscard]] bool has(std::string_view id) const;

  private:
    std::vector<RowChange> changes_;
    std::unordered_map<std::string_view, std::size_t> places_;  // until leave_in_hand(); after it only the ids count
};

}  // namespace jiro::delivery
