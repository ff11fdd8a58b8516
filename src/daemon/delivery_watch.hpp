// SPDX-License-Identifier: MIT
#pragma once
// Waiting for the server's confirmation of a command's outcome, for hubs that are to be answered after it
// (Commands.Acknowledge: delivered). Event loop only.

#include <map>
#include <memory>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"

namespace jiro::daemon {

class DeliveryWatch {
  public:
    DeliveryWatch(Executor executor, Clock& clock) : executor_(std::move(executor)), clock_(clock) {}

    // The wait for one id; made before the command may end, so that no confirmation is missed.
    class Wait {
      public:
        // False: not by then.
        [[nodiscard]] Task<bool> until(TimePoint deadline) const;

      private:
        friend class DeliveryWatch;
        struct Confirmation {
            explicit Confirmation(const Executor& executor) : changed(executor) {}
            bool is_there = false;
            Event changed;
        };
        Wait(Clock& clock, std::shared_ptr<Confirmation> confirmation)
            : clock_(clock), confirmation_(std::move(confirmation)) {}

        Clock& clock_;
        std::shared_ptr<Confirmation> confirmation_;
    };
    [[nodiscard]] Wait expect(const std::string& command_sync_id);

    void delivered(const std::string& command_sync_id);

  private:
    void forget_abandoned();

    Executor executor_;
    Clock& clock_;
    std::map<std::string, std::weak_ptr<Wait::Confirmation>, std::less<>> waits_;
    std::size_t look_at_ = 64;  // waits that nobody waits for are forgotten when there are so many
};

}  // namespace jiro::daemon
