// SPDX-License-Identifier: MIT
#pragma once
// Waiting for the server's confirmation of a command's outcome, for hubs that are to be answered after it
// (Commands.Acknowledge: delivered). A wait ends with whatever ends the delivery here. Event loop only.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/model/delivery_state.hpp"

namespace jiro::daemon {

class DeliveryWatch {
  public:
    DeliveryWatch(Executor executor, Clock& clock) : executor_(std::move(executor)), clock_(clock) {}

    // The wait for one id; made before the command may end, so that no confirmation is missed.
    class Wait {
      public:
        // What has become of it by then; nullopt: nothing. `waiting`: the daemon stops, and keeps it.
        [[nodiscard]] Task<std::optional<DeliveryState>> until(TimePoint deadline) const;

      private:
        friend class DeliveryWatch;
        struct Fate {
            explicit Fate(const Executor& executor) : changed(executor) {}
            std::optional<DeliveryState> state;
            Event changed;
        };
        Wait(Clock& clock, std::shared_ptr<Fate> fate) : clock_(clock), fate_(std::move(fate)) {}

        Clock& clock_;
        std::shared_ptr<Fate> fate_;
    };
    [[nodiscard]] Wait expect(const std::string& command_sync_id);

    void became(const std::string& command_sync_id, DeliveryState state);
    void stop();  // all of them are kept

  private:
    void forget_abandoned();

    Executor executor_;
    Clock& clock_;
    std::map<std::string, std::weak_ptr<Wait::Fate>, std::less<>> waits_;
    std::size_t look_at_ = 64;  // waits that nobody waits for are forgotten when there are so many
};

}  // namespace jiro::daemon
