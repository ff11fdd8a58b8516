// SPDX-License-Identifier: MIT
#include "signalr/connection/resume_buffer.hpp"

#include "jiro/signalr/errors.hpp"

namespace jiro::signalr {

namespace {
constexpr Duration kAckInterval = std::chrono::seconds(1);
}

void ResumeBuffer::sent(std::string_view record) {
    records_.emplace_back(record);
    bytes_ += record.size();
}

void ResumeBuffer::acknowledged(std::int64_t id) {
    while (!records_.empty() && first_id_ <= id) {
        bytes_ -= records_.front().size();
        records_.pop_front();
        ++first_id_;
    }
}

bool ReceivedSequence::accept(TimePoint now) {
    const auto id = next_++;
    if (!ack_due_at_) ack_due_at_ = now + kAckInterval;  // of a repeat as well: our Ack was lost
    if (id <= received_) return false;
    received_ = id;
    return true;
}

Result<void> ReceivedSequence::continue_at(std::int64_t id) {
    if (id < 1) return Error(errc::protocol_error, "a Sequence id below 1");
    if (id > received_ + 1) {
        return Error(errc::sequence_gap, "the server resumes at message " + std::to_string(id) + " but only " +
                                             std::to_string(received_) + " were received: messages are missing");
    }
    next_ = id;
    return {};
}

std::int64_t ReceivedSequence::take_ack() noexcept {
    ack_due_at_.reset();
    return received_;
}

}  // namespace jiro::signalr
