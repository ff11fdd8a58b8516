// SPDX-License-Identifier: MIT
#pragma once
// The commands that ended last, how, and what they printed: whoever follows a command's output finds its end here, and
// the status lists them. A small number of them, and of bytes: the oldest go first, their outputs before their names.
// Pure.

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "commands/exec/run_output.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/model/command_result.hpp"
#include "jiro/model/delivery_state.hpp"

namespace jiro::commands {

struct EndedRun {
    std::string id{};
    std::string name{};
    Outcome outcome = Outcome::succeeded;
    TimePoint at{};
    Duration queue_time{};
    Duration run_time{};
    DeliveryState delivery = DeliveryState::waiting;
    std::shared_ptr<const RunOutput> output{};  // null: it had none, or it was dropped
    std::size_t bytes = 0;                      // of `output`
};

class EndedRuns {
  public:
    static constexpr std::size_t kMost = 64;
    static constexpr std::size_t kMostBytes = 4 * 1024 * 1024;

    void add(EndedRun run);
    // The last one of that id; null: none.
    [[nodiscard]] const EndedRun* find(std::string_view id) const;
    // Of the last one of that id; of one that is not here any more: nothing.
    void set_delivery(std::string_view id, DeliveryState state);

    [[nodiscard]] const std::deque<EndedRun>& oldest_first() const noexcept { return runs_; }

  private:
    std::deque<EndedRun> runs_;  // the newest last
    std::size_t bytes_ = 0;
};

}  // namespace jiro::commands
