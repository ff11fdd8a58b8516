// SPDX-License-Identifier: MIT
#include "jiro/delivery/memory_outbox.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "delivery/outbox_clock.hpp"
#include "delivery/outbox_rules.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

struct Row {
    std::int64_t sequence = 0;
    RowState state = RowState::received;
    Receipt receipt;
    int starts = 0;
    std::optional<Outcome> kind;
    Bytes message;
    Bytes whole;
    WallTime finished_at{};
    WallTime due_at{};
    WallTime settled_at{};
    int attempts = 0;
    int refusals = 0;
    bool is_leased = false;
    bool is_suspended = false;
    std::string last_error;
};

class MemoryOutbox final : public Outbox {
  public:
    MemoryOutbox(const Clock& clock, const OutboxSettings& settings) : clock_(clock), settings_(settings) {
        figures_.writable = true;
    }

    WallTime now() const override { return clock_.now().here; }

    Task<Result<Recovery>> recover(MakeOutcome, GoesOn) override { co_return Recovery{}; }

    Task<AdmissionResult> received(Receipt receipt, FirstState state) override {
        forget_old();
        AdmissionResult result;
        if (const auto known = rows_.find(receipt.id); known != rows_.end()) {
            result.admission = arrived_again(known->first, known->second, receipt);
        } else if (figures_.pending + figures_.unfinished + figures_.dead_letters >= settings_.max_rows) {
            result.reason = Error(errc::limit_rows);
        } else if (figures_.bytes + receipt.payload.size() + kRowOverhead > settings_.max_bytes) {
            result.reason = Error(errc::limit_bytes);
        } else {
            Row row;
            row.sequence = ++last_sequence_;
            row.state = state == FirstState::running ? RowState::running : RowState::received;
            row.starts = state == FirstState::running ? 1 : 0;
            const std::string id = receipt.id;
            row.receipt = std::move(receipt);
            order_.emplace(row.sequence, id);
            count(rows_.emplace(id, std::move(row)).first->second, +1);
            result.admission = Admission::accepted;
        }
        co_return result;
    }

    Task<Result<>> started(std::string id) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        if (found->second.state != RowState::received || found->second.is_suspended)
            co_return Error(errc::wrong_state);
        found->second.state = RowState::running;
        ++found->second.starts;
        co_return Result<>();
    }

    // Until the process ends, with which it is lost.
    Task<Result<>> suspended(std::string id) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        if (found->second.state != RowState::running) co_return Error(errc::wrong_state);
        found->second.state = RowState::received;
        found->second.is_suspended = true;
        co_return Result<>();
    }

    Task<Result<>> finished(std::string id, Outcome kind, Bytes message, Lease lease) override {
        auto found = rows_.find(id);
        if (found == rows_.end()) {
            Row row;
            row.sequence = ++last_sequence_;
            row.receipt.id = id;
            row.receipt.received_at = now();
            order_.emplace(row.sequence, id);
            found = rows_.emplace(id, std::move(row)).first;
            count(found->second, +1);
        }
        Row& row = found->second;
        if (row.state != RowState::received && row.state != RowState::running) co_return Error(errc::wrong_state);
        const Recount recount(*this, row);
        row.receipt.payload.clear();
        row.kind = kind;
        row.message = std::move(message);
        row.finished_at = now();
        make_due(row, row.finished_at);
        row.is_leased = lease == Lease::yes;
        co_return Result<>();
    }

    Task<Result<std::vector<DueRow>>> due(std::size_t limit) override {
        std::vector<DueRow> given;
        std::size_t bytes = 0;
        const auto moment = now();
        for (const auto& [key, id] : due_) {
            if (given.size() >= limit || bytes >= kDueBytes) break;
            Row& row = rows_.at(id);
            if (row.is_leased || !is_due(key.first, moment)) continue;
            row.is_leased = true;
            bytes += row.message->size();
            given.push_back({id, row.message, *row.kind, row.finished_at, row.attempts, row.refusals, row.whole});
        }
        co_return given;
    }

    Task<Result<std::optional<WallTime>>> next_due() override {
        for (const auto& [key, id] : due_) {
            if (!rows_.at(id).is_leased) co_return std::optional(key.first);
        }
        co_return std::optional<WallTime>();
    }

    void delivered(std::string id, RowIs) override {
        if (const auto found = rows_.find(id); found != rows_.end()) set_state(found->second, RowState::delivered);
    }

    void postponed(Postponement postponement) override {
        const auto found = rows_.find(postponement.id);
        if (found == rows_.end() || found->second.state != RowState::done) return;
        Row& row = found->second;
        row.attempts = postponement.attempts;
        row.refusals = postponement.refusals;
        row.last_error = std::move(postponement.last_error);
        make_due(row, postponement.due_at);
    }

    void released(std::vector<std::string> ids) override {
        for (const auto& id : ids) {
            if (const auto found = rows_.find(id); found != rows_.end()) found->second.is_leased = false;
        }
    }

    Task<Result<>> dead(std::string id, std::string reason) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        found->second.last_error = std::move(reason);
        set_state(found->second, RowState::dead);
        co_return Result<>();
    }

    Task<Result<>> replaced(std::string id, Bytes message) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        const Recount recount(*this, found->second);
        Row& row = found->second;
        if (!row.whole) row.whole = std::move(row.message);
        row.message = std::move(message);
        co_return Result<>();
    }

    Task<Result<>> make_all_due_now() override {
        const auto moment = now();
        std::vector<std::string> later;
        for (const auto& [key, id] : due_) {
            if (key.first > moment && !rows_.at(id).is_leased) later.push_back(id);
        }
        for (const auto& id : later) make_due(rows_.at(id), moment);
        co_return Result<>();
    }

    Task<Result<std::vector<std::string>>> expire(Duration max_age, int attempts, std::size_t limit) override {
        std::vector<std::string> ids;
        const auto cutoff = now() - max_age;
        for (const auto& [key, id] : due_) {
            const Row& row = rows_.at(id);
            const bool is_spent = row.finished_at < cutoff && row.attempts >= attempts;
            if (ids.size() < limit && !row.is_leased && is_spent) ids.push_back(id);
        }
        for (const auto& id : ids) {
            rows_.at(id).last_error = "undelivered for longer than Outbox.MaxAgeHours";
            set_state(rows_.at(id), RowState::dead);
        }
        co_return ids;
    }

    Task<Result<std::vector<RowSummary>>> list(ListPage page) override {
        std::vector<RowSummary> rows;
        for (auto at = order_.upper_bound(page.after); at != order_.end() && rows.size() < page.limit; ++at) {
            const Row& row = rows_.at(at->second);
            if (page.state ? row.state == *page.state : row.state != RowState::delivered) rows.push_back(summary(row));
        }
        co_return rows;
    }

    Task<Result<RowDetails>> show(std::string id) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        RowDetails details{summary(found->second), found->second.message, found->second.whole};
        co_return details;
    }

    Task<Result<>> retry(std::string id, Resend what) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        Row& row = found->second;
        if (row.state != RowState::done && row.state != RowState::dead) co_return Error(errc::wrong_state);
        if (what == Resend::whole) {
            if (row.is_leased) co_return Error(errc::wrong_state).with_prefix("it is on its way just now, try again");
            if (!row.whole) co_return Error(errc::wrong_state).with_prefix("it was not cut");
            const Recount recount(*this, row);
            row.message = std::exchange(row.whole, nullptr);
        }
        if (!row.is_leased) ask_again(row);
        co_return Result<>();
    }

    Task<Result<std::uint64_t>> retry_all_dead() override {
        std::uint64_t count = 0;
        for (auto& [id, row] : rows_) {
            if (row.state != RowState::dead) continue;
            ask_again(row);
            ++count;
        }
        co_return count;
    }

    Task<Result<>> drop(std::string id) override {
        const auto found = rows_.find(id);
        if (found == rows_.end()) co_return Error(errc::unknown_id);
        if (found->second.state != RowState::done && found->second.state != RowState::dead) {
            co_return Error(errc::wrong_state);
        }
        found->second.last_error = "dropped by the operator";
        set_state(found->second, RowState::delivered);
        found->second.message = nullptr;
        co_return Result<>();
    }

    void set_dedupe_window(std::chrono::hours window) override { settings_.dedupe_window = window; }

    OutboxFigures figures() const override {
        const std::lock_guard lock(mutex_);
        return figures_;
    }

  private:
    using DueKey = std::pair<WallTime, std::int64_t>;

    static bool is_due(WallTime due_at, WallTime now) { return due_at <= now || due_at > now + kMaxPostponement; }

    Admission arrived_again(const std::string& id, Row& row, const Receipt& receipt) {
        if (row.receipt.fingerprint != Fingerprint{} && row.receipt.fingerprint != receipt.fingerprint) {
            return Admission::conflicting_content;
        }
        switch (row.state) {
            case RowState::received:
            case RowState::running:
                return Admission::already_in_progress;
            case RowState::done:
                return Admission::already_settled;
            case RowState::delivered:
            case RowState::dead:
                break;
        }
        if (!row.message) return Admission::already_forgotten;
        tombstones_.erase({row.settled_at, row.sequence});
        ask_again(rows_.at(id));
        return Admission::already_settled;
    }

    void ask_again(Row& row) {
        const Recount recount(*this, row);
        row.attempts = 0;
        row.refusals = 0;
        make_due(row, now());
    }

    void make_due(Row& row, WallTime due_at) {
        due_.erase({row.due_at, row.sequence});
        row.state = RowState::done;
        row.due_at = due_at;
        row.is_leased = false;
        due_.emplace(DueKey{due_at, row.sequence}, row.receipt.id);
    }

    void set_state(Row& row, RowState state) {
        const Recount recount(*this, row);
        due_.erase({row.due_at, row.sequence});
        row.state = state;
        row.is_leased = false;
        row.settled_at = now();
        if (state == RowState::delivered) row.whole = nullptr;
        if (state == RowState::delivered) tombstones_.emplace(row.settled_at, row.sequence);
    }

    void forget_old() {
        const auto cutoff = now() - settings_.dedupe_window;
        while (!tombstones_.empty() &&
               (tombstones_.begin()->first < cutoff || tombstones_.size() > settings_.max_tombstones)) {
            const auto sequence = tombstones_.begin()->second;
            count(rows_.at(order_.at(sequence)), -1);
            rows_.erase(order_.at(sequence));
            order_.erase(sequence);
            tombstones_.erase(tombstones_.begin());
        }
    }

    static std::size_t bytes_of(const Row& row) {
        const auto size = [](const Bytes& bytes) { return bytes ? bytes->size() : 0; };
        return row.receipt.payload.size() + size(row.message) + size(row.whole);
    }

    static RowSummary summary(const Row& row) {
        RowSummary summary;
        summary.sequence = row.sequence;
        summary.id = row.receipt.id;
        summary.state = row.state;
        summary.kind = row.kind;
        summary.received_at = row.receipt.received_at;
        if (row.kind) summary.finished_at = row.finished_at;
        if (row.state == RowState::done) summary.due_at = row.due_at;
        summary.attempts = row.attempts;
        summary.bytes = bytes_of(row);
        summary.last_error = row.last_error;
        return summary;
    }

    // Takes a row out of the figures, and puts it back as it is when the change is over.
    class Recount {
      public:
        Recount(MemoryOutbox& outbox, const Row& row) : outbox_(outbox), row_(row) { outbox_.count(row_, -1); }
        ~Recount() { outbox_.count(row_, +1); }
        Recount(const Recount&) = delete;
        Recount& operator=(const Recount&) = delete;

      private:
        MemoryOutbox& outbox_;
        const Row& row_;
    };

    void count(const Row& row, int sign) {
        const std::lock_guard lock(mutex_);
        const auto change = [sign](std::uint64_t& number, std::uint64_t by) { sign > 0 ? number += by : number -= by; };
        if (row.state == RowState::delivered) return change(figures_.remembered, 1);
        change(figures_.bytes, kRowOverhead + bytes_of(row));
        if (row.state == RowState::dead) return change(figures_.dead_letters, 1);
        if (row.state != RowState::done) return change(figures_.unfinished, 1);
        change(figures_.pending, 1);
        if (sign > 0) {
            undelivered_.insert(row.finished_at);
        } else {
            undelivered_.erase(undelivered_.find(row.finished_at));
        }
        figures_.oldest_undelivered = undelivered_.empty() ? std::optional<WallTime>() : *undelivered_.begin();
    }

    const OutboxClock clock_;
    OutboxSettings settings_;
    std::unordered_map<std::string, Row> rows_;
    std::map<std::int64_t, std::string> order_;
    std::map<DueKey, std::string> due_;
    std::set<std::pair<WallTime, std::int64_t>> tombstones_;
    std::int64_t last_sequence_ = 0;
    std::multiset<WallTime> undelivered_;  // when the commands of done rows ended
    mutable std::mutex mutex_;             // guards figures_: any thread may ask
    OutboxFigures figures_;
};

}  // namespace

std::unique_ptr<Outbox> make_memory_outbox(const Clock& clock, const OutboxSettings& settings) {
    return std::make_unique<MemoryOutbox>(clock, settings);
}

}  // namespace jiro::delivery
