// SPDX-License-Identifier: MIT
#pragma once
// Carries outcomes from the outbox to the server until each is confirmed: due -> send -> settle. Fast attempts per
// result, then the outbox's slow path; one probe at a time for the whole channel while the server is away; parked when
// the server refuses us. What an answer means is decided by retry_policy and channel_gate, both pure. Everything runs
// on the event loop.
//
//     Courier courier(executor, outbox, sender, clock, random, settings.grpc, settings.outbox, observer);
//     ... co_await courier.run();                              // a child of the application
//     ... co_await courier.finish(std::move(command));         // a command ended
//     ... co_await courier.drain(clock.now() + limit);         // shutting down

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/random.hpp"
#include "jiro/base/task.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/result_sender.hpp"
#include "jiro/delivery/settings.hpp"
#include "jiro/model/channel_state.hpp"

namespace jiro::delivery {

struct CourierFigures {
    std::uint64_t delivered = 0;             // confirmed by the server
    std::uint64_t attempts = 0;              // calls made
    std::uint64_t retries = 0;               // of these, not the first for their result
    std::uint64_t dead_letters = 0;          // given up in this process
    std::uint64_t unsaved = 0;               // results that could not be stored and live in memory until they are sent
    std::optional<WallTime> oldest_unsaved;  // when the command of the oldest one ended; not of those in flight
    std::uint64_t lost = 0;                  // of these, gone because too many waited; in this process
    std::uint64_t in_flight = 0;
    ChannelState channel = ChannelState::open;
    std::string channel_reason;           // why it is not open
    std::optional<TimePoint> next_probe;  // when it is not open
    std::string last_error;               // of the latest failed attempt; empty when none failed yet
};

struct Delivery {
    std::string id;
    Duration latency{};  // from the command's end to the server's confirmation
    int attempts = 0;    // that failed before, in total
};

// Whether the outbox took the command that ended.
enum class Admitted { no, yes };

struct CourierObserver {
    // Each may be empty.
    std::function<void(const Delivery&)> delivered;
    std::function<void(SendResult&)> answered;  // each attempt; may change the message, before it is logged and kept
    std::function<void(const std::string& id)> given_up;  // it is a dead letter
};

class Courier {
  public:
    Courier(Executor executor, Outbox& outbox, std::shared_ptr<ResultSender> sender, Clock& clock, RandomSource& random,
            GrpcSettings grpc, OutboxSettings outbox_settings, CourierObserver observer = {});
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    // Until cancelled; calls in flight are then cancelled, and their results stay in the outbox, those that were in
    // memory alone are stored, if that can be done. Call Outbox::recover
    // before.
    [[nodiscard]] Task<> run();

    // A command ended: serialises, stores (outcome and `done` in one commit) and sends, from memory when nothing older
    // waits. Returns when it is stored. An error means that it could not be stored: the result is kept in memory, sent
    // from there and stored when the disk allows; the error is for the status and the Completion, the caller need not
    // act.
    [[nodiscard]] Task<Result<>> finish(FinishedCommand&& command, Admitted admitted = Admitted::yes);

    // There is something due in the outbox that did not come through finish(): recovered, asked for again, retried by
    // hand.
    void notify();

    // Before an operator changes its row: unless it is on its way just now, the outbox has it alone again.
    void let_go(const std::string& id);

    // Before somebody looks into the outbox: it gets to know the attempts and errors of what waits in memory.
    void write_down();

    // The rules for what is attempted from now on: when to try again, when to give up. `grpc` and `outbox` were
    // reloaded.
    void update(const GrpcSettings& grpc, const OutboxSettings& outbox);

    // Sends with this one from now on; calls under way by the old one are cancelled, and made anew with this one.
    void use(std::shared_ptr<ResultSender> sender);

    // Try everything at once: settings were reloaded, credentials changed. Also forgets the connection.
    void retry_now();

    // True when nothing is left undelivered; false at `deadline`, or as soon as the channel is not open and all is
    // stored (waiting is no use).
    [[nodiscard]] Task<bool> drain(TimePoint deadline);

    [[nodiscard]] CourierFigures figures() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace jiro::delivery
