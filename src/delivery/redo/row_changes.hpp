// SPDX-License-Identifier: MIT
#pragma once
// The changes of one stretch of the redo log, put together by row: a command that came and went in it costs the
// database one row and not three steps. Views point into the log.

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "delivery/redo/redo_record.hpp"

namespace jiro::delivery {

struct RowChange {
    std::string_view id;
    std::optional<ReceivedChange> received;
    bool is_started = false;
    std::optional<FinishedChange> finished;
    std::optional<DeliveredChange> delivered;
};

class RowChanges {
  public:
    void add(const RedoRecord& record);
    // In the order in which their commands first appear.
    [[nodiscard]] const std::vector<RowChange>& all() const noexcept { return changes_; }

  private:
    [[nodiscard]] RowChange& of(std::string_view id);
    void apply(const ReceivedChange& change);
    void apply(const StartedChange& change);
    void apply(const FinishedChange& change);
    void apply(const DeliveredChange& change);

    std::vector<RowChange> changes_;
    std::unordered_map<std::string_view, std::size_t> places_;
};

}  // namespace jiro::delivery
