#pragma once
// The dispatcher's ResultSink over delivery: receipts go to the outbox, outcomes to the courier. It holds no state of
// its own but the limits that a receipt is stamped with. Event loop only.

#include "jiro/base/clock.hpp"
#include "jiro/commands/result_sink.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"

namespace jiro::daemon {

enum class Persistence { memory, disk };

class Journal final : public commands::ResultSink {
  public:
    Journal(delivery::Outbox& outbox, delivery::Courier& courier, Clock& clock, Persistence persistence,
            std::chrono::milliseconds time_limit)
        : outbox_(outbox), courier_(courier), clock_(clock), persistence_(persistence), time_limit_(time_limit) {}

    // Commands.TimeoutMs after a reload.
    void set_time_limit(std::chrono::milliseconds limit) { time_limit_ = limit; }

    [[nodiscard]] bool durable() const noexcept override { return persistence_ == Persistence::disk; }
    [[nodiscard]] Task<Result<commands::Admission>> received(const commands::CommandMessage& message,
                                                             commands::Fingerprint fingerprint, bool idempotent,
                                                             commands::Start start) override;
    [[nodiscard]] Task<Result<>> started(std::string command_sync_id) override;
    [[nodiscard]] Task<Result<>> finished(commands::FinishedCommand command) override;
    [[nodiscard]] Task<> answer_unstored(commands::FinishedCommand command) override;

  private:
    delivery::Outbox& outbox_;
    delivery::Courier& courier_;
    Clock& clock_;
    Persistence persistence_;
    std::chrono::milliseconds time_limit_;
};

}  // namespace jiro::daemon
