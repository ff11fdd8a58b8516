// SPDX-License-Identifier: MIT
#pragma once
// The dispatcher's ResultSink over delivery: receipts go to the outbox, outcomes to the courier. It holds no state of
// its own. Event loop only.

#include "jiro/base/clock.hpp"
#include "jiro/commands/result_sink.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"

namespace jiro::daemon {

enum class Persistence { memory, disk };

class Journal final : public commands::ResultSink {
  public:
    Journal(delivery::Outbox& outbox, delivery::Courier& courier, Persistence persistence)
        : outbox_(outbox), courier_(courier), persistence_(persistence) {}

    [[nodiscard]] bool durable() const noexcept override { return persistence_ == Persistence::disk; }
    [[nodiscard]] Task<Result<commands::Admission>> received(const CommandMessage& message, Fingerprint fingerprint,
                                                             bool idempotent, Duration limit,
                                                             commands::Start start) override;
    [[nodiscard]] Task<Result<>> started(std::string command_sync_id) override;
    [[nodiscard]] Task<Result<>> finished(FinishedCommand command) override;
    [[nodiscard]] Task<> answer_unstored(FinishedCommand command) override;

  private:
    delivery::Outbox& outbox_;
    delivery::Courier& courier_;
    Persistence persistence_;
};

}  // namespace jiro::daemon
