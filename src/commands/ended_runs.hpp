// SPDX-License-Identifier: MIT
#pragma once
// The commands that ended last, and what they printed: whoever follows a command's output finds its end here. A small
// number of them, and of bytes: the oldest go first, their outputs before their names. Pure.

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "commands/exec/run_output.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

struct EndedRun {
    std::string id{};
    std::string name{};
    Outcome outcome = Outcome::succeeded;
    TimePoint at{};
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

  private:
    std::deque<EndedRun> runs_;  // the newest last
    std::size_t bytes_ = 0;
};

}  // namespace jiro::commands
