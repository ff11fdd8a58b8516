// SPDX-License-Identifier: MIT
#pragma once
// An outbox whose disk is full when the test says so: outcomes cannot be stored. All else goes through.

#include <functional>
#include <memory>
#include <utility>

#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/outbox.hpp"

namespace jiro::delivery {

class FullOutbox final : public Outbox {
  public:
    explicit FullOutbox(std::unique_ptr<Outbox> real) : real_(std::move(real)) {}

    bool is_full = false;
    bool stores_all_the_same = false;        // the failure is reported, but the outcome was written
    std::function<Task<>()> before_storing;  // what the storage takes its time for
    std::function<Task<>()> before_answering;

    Task<Result<>> finished(std::string id, Outcome kind, Bytes message, Lease lease) override {
        if (!is_full) {
            if (before_storing) co_await before_storing();
            auto stored = co_await real_->finished(std::move(id), kind, std::move(message), lease);
            co_return stored;
        }
        if (stores_all_the_same) {
            [[maybe_unused]] const auto stored =
                co_await real_->finished(std::move(id), kind, std::move(message), Lease::no);
        }
        co_return Error(storage_errc::full, "no space left for the outbox");
    }

    [[nodiscard]] WallTime now() const override { return real_->now(); }
    Task<Result<Recovery>> recover(MakeOutcome make, GoesOn goes_on) override {
        return real_->recover(std::move(make), std::move(goes_on));
    }
    Task<AdmissionResult> received(Receipt receipt, FirstState state) override {
        return real_->received(std::move(receipt), state);
    }
    Task<Result<>> started(std::string id) override { return real_->started(std::move(id)); }
    Task<Result<>> suspended(std::string id) override { return real_->suspended(std::move(id)); }
    Task<Result<>> not_again(std::string id) override { return real_->not_again(std::move(id)); }
    Task<Result<std::vector<DueRow>>> due(std::size_t limit) override { return real_->due(limit); }
    Task<Result<std::optional<WallTime>>> next_due() override {
        if (before_answering) co_await before_answering();
        co_return co_await real_->next_due();
    }
    void delivered(const std::string& id, RowIs row) override { real_->delivered(id, row); }
    void postponed(Postponement postponement) override { real_->postponed(std::move(postponement)); }
    void released(std::vector<std::string> ids) override { real_->released(std::move(ids)); }
    Task<Result<>> dead(std::string id, std::string reason) override {
        return real_->dead(std::move(id), std::move(reason));
    }
    Task<Result<>> replaced(std::string id, Bytes message) override {
        return real_->replaced(std::move(id), std::move(message));
    }
    Task<Result<>> make_all_due_now() override { return real_->make_all_due_now(); }
    Task<Result<std::vector<std::string>>> expire(Duration max_age, int attempts, std::size_t limit) override {
        return real_->expire(max_age, attempts, limit);
    }
    Task<Result<std::vector<RowSummary>>> list(ListPage page) override { return real_->list(page); }
    Task<Result<RowDetails>> show(std::string id) override { return real_->show(std::move(id)); }
    Task<Result<>> retry(std::string id, Resend what) override { return real_->retry(std::move(id), what); }
    Task<Result<std::uint64_t>> retry_all_dead() override { return real_->retry_all_dead(); }
    Task<Result<>> drop(std::string id) override { return real_->drop(std::move(id)); }
    Task<> look_for_its_file() override { return real_->look_for_its_file(); }
    void set_dedupe_window(std::chrono::hours window) override { real_->set_dedupe_window(window); }
    [[nodiscard]] OutboxFigures figures() const override { return real_->figures(); }

  private:
    std::unique_ptr<Outbox> real_;
};

}  // namespace jiro::delivery
