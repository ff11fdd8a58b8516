// SPDX-License-Identifier: MIT
#pragma once
// The dispatcher's ResultSink over delivery: receipts go to the outbox, outcomes to the courier. It holds no state of
// its own. Event loop only; the functions below it are pure.

#include "jiro/commands/command_message.hpp"
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

    [[nodiscard]] Task<AdmissionResult> received(Receipt receipt, Duration max_wait, FirstState state) override {
        receipt.received_at = outbox_.now();
        receipt.run_before = receipt.is_signed
                                 ? kRememberedWhateverComes
                                 : receipt.received_at + std::chrono::duration_cast<WallTime::duration>(max_wait);
        return outbox_.received(std::move(receipt), state);
    }
    [[nodiscard]] Task<Result<>> started(std::string command_sync_id) override {
        return outbox_.started(std::move(command_sync_id));
    }
    [[nodiscard]] Task<Result<>> suspended(std::string command_sync_id) override {
        return outbox_.suspended(std::move(command_sync_id));
    }
    [[nodiscard]] Task<Result<>> not_again(std::string command_sync_id) override {
        return outbox_.not_again(std::move(command_sync_id));
    }
    [[nodiscard]] Task<Result<>> finished(FinishedCommand command) override {
        return courier_.finish(std::move(command));
    }
    // The courier keeps in memory what cannot be stored, and says so in its figures and its log.
    [[nodiscard]] Task<> answer_unstored(FinishedCommand command) override {
        static_cast<void>(co_await courier_.finish(std::move(command), delivery::Admitted::no));
    }
    void send_again() override { courier_.notify(); }

  private:
    delivery::Outbox& outbox_;
    delivery::Courier& courier_;
    Persistence persistence_;
};

// The command of a receipt. Fails on a payload that this program did not write (a damaged row).
[[nodiscard]] Result<commands::ParsedPayload> command_of(const Receipt& receipt);

// The final message of a command that was interrupted and will not run again.
[[nodiscard]] delivery::Bytes make_interrupted_outcome(const Receipt& receipt);

}  // namespace jiro::daemon
