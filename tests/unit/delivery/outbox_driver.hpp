// SPDX-License-Identifier: MIT
#pragma once
// Short words for what the tests do with an outbox.

#include <memory>

#include "jiro/delivery/outbox.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::delivery {

class OutboxDriver {
  public:
    template <typename T>
    T run(Task<T> task) {
        return test::run_task(context_, std::move(task));
    }

    static Receipt make_receipt(const std::string& id, int content = 1, WallTime run_before = {}) {
        Receipt receipt;
        receipt.id = id;
        receipt.fingerprint.fill(static_cast<std::uint8_t>(content));
        receipt.payload = "payload of " + id;
        receipt.run_before = run_before;
        return receipt;
    }

    // What a recovery is to make of a row that was running.
    static Bytes make_outcome(const Receipt& receipt) {
        return std::make_shared<const std::string>("interrupted " + receipt.id);
    }

    Admission admit(const std::string& id, FirstState state = FirstState::received, int content = 1) {
        return admit(make_receipt(id, content), state);
    }
    Admission admit(Receipt receipt, FirstState state) {
        receipt.received_at = outbox_->now();
        auto result = run(outbox_->received(std::move(receipt), state));
        last_reason_ = result.reason;
        last_outcome_ = result.outcome;
        return result.admission;
    }

    Result<> start(const std::string& id) { return run(outbox_->started(id)); }
    Result<> suspend(const std::string& id) { return run(outbox_->suspended(id)); }
    Result<> finish(const std::string& id, Lease lease = Lease::no, Outcome kind = Outcome::succeeded) {
        return run(outbox_->finished(id, kind, std::make_shared<const std::string>("message of " + id), lease));
    }
    // Delivered, and written down: whatever is asked next comes after it.
    void deliver(const std::string& id) {
        outbox_->delivered(id);
        (void)run(outbox_->next_due());
    }

    std::vector<DueRow> due(std::size_t limit = 100) { return run(outbox_->due(limit)).value(); }
    std::vector<std::string> due_ids(std::size_t limit) {
        std::vector<std::string> ids;
        for (const auto& row : due(limit)) ids.push_back(row.id);
        return ids;
    }
    RowState state(const std::string& id) { return run(outbox_->show(id)).value().summary.state; }
    OutboxFigures figures() { return outbox_->figures(); }

    boost::asio::io_context context_;
    test::ManualClock clock_;
    std::unique_ptr<Outbox> outbox_;
    std::optional<Error> last_reason_;
    std::optional<Outcome> last_outcome_;
};

}  // namespace jiro::delivery
