// SPDX-License-Identifier: MIT
#pragma once
// Takes up the commands that the previous process left behind. Event loop only.

#include <vector>

#include "daemon/descriptor_store.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"

namespace jiro::daemon {

class CommandRecovery {
  public:
    CommandRecovery(Clock& clock, delivery::Outbox& outbox, delivery::Courier& courier,
                    commands::Dispatcher& dispatcher, DescriptorStore& descriptors)
        : clock_(clock), outbox_(outbox), courier_(courier), dispatcher_(dispatcher), descriptors_(descriptors) {}

    // Before anything new comes in, as far as there is room in memory.
    [[nodiscard]] Task<Result<>> recover();
    // More than there was room for waits in the outbox for its turn. Or the outbox could not be read when the daemon
    // started (disk full, read-only, ...): it takes no command until it was.
    [[nodiscard]] Task<> recover_rest();

  private:
    void note_lost(const delivery::Recovery& part);
    void note_interrupted(const Receipt& receipt);
    // `as_of`: when they were read.
    [[nodiscard]] Task<> take_up(std::vector<delivery::RecoveredCommand> commands, TimePoint as_of);
    void drop_unclaimed();

    Clock& clock_;
    delivery::Outbox& outbox_;
    delivery::Courier& courier_;
    commands::Dispatcher& dispatcher_;
    DescriptorStore& descriptors_;
    bool is_recovered_ = false;  // everything is taken up
};

}  // namespace jiro::daemon
