// SPDX-License-Identifier: MIT
#pragma once
// Stateful reconnect, as the servers really behave (the specification's text on Sequence is wrong, see
// docs/signalr-client.md): each side numbers the trackable messages it sends from 1 and keeps them until they are
// acknowledged; on a new socket it first sends a Sequence with the id of the first message it still keeps, then those
// messages unchanged. Pure.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"

namespace jiro::signalr {

// What we sent.
class ResumeBuffer {
  public:
    explicit ResumeBuffer(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    // `record` is one trackable record with its separator.
    void sent(std::string_view record);
    // Releases everything up to `id`, whatever is beyond the last; older and repeated ids change nothing.
    void acknowledged(std::int64_t id);

    // No more is to be sent until something is acknowledged.
    [[nodiscard]] bool is_full() const noexcept { return bytes_ >= max_bytes_; }
    // What is sent nevertheless (refusals, cancellations) has an end too: the server never acknowledges.
    [[nodiscard]] bool is_beyond_its_cap() const noexcept { return bytes_ >= kCapFactor * max_bytes_; }
    [[nodiscard]] std::int64_t first_unacknowledged() const noexcept { return first_id_; }
    [[nodiscard]] const std::deque<std::string>& unacknowledged() const noexcept { return records_; }

  private:
    static constexpr std::size_t kCapFactor = 4;

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::int64_t first_id_ = 1;  // of records_.front(), or of the next record when there is none
    std::deque<std::string> records_;
};

// What we received.
class ReceivedSequence {
  public:
    // A trackable message arrived; false: it was already delivered before the socket was replaced.
    [[nodiscard]] bool accept(TimePoint now);
    // The next message has this id. errc::sequence_gap when messages are missing.
    [[nodiscard]] Result<void> continue_at(std::int64_t id);

    [[nodiscard]] std::int64_t received() const noexcept { return received_; }
    // When the next Ack should go out; nullopt: nothing came since the last.
    [[nodiscard]] std::optional<TimePoint> ack_due_at() const noexcept { return ack_due_at_; }
    // The id to acknowledge; called when the Ack is sent.
    [[nodiscard]] std::int64_t take_ack() noexcept;

  private:
    std::int64_t received_ = 0;  // highest id delivered
    std::int64_t next_ = 1;      // id of the next message on this socket
    std::optional<TimePoint> ack_due_at_;
};

}  // namespace jiro::signalr
