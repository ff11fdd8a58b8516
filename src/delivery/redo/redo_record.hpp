// SPDX-License-Identifier: MIT
#pragma once
// One change of a command's row, as the redo log holds it: received, started, finished or delivered. Encoding and
// decoding are pure; decode() takes nothing on trust. Views point into what was encoded or decoded.

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "jiro/delivery/outbox.hpp"

namespace jiro::delivery {

struct ReceivedChange {
    std::string_view id;
    Fingerprint fingerprint{};
    std::string_view payload;
    WallTime received_at{};
    WallTime run_before{};
    bool idempotent = false;
    FirstState state = FirstState::received;

    [[nodiscard]] static ReceivedChange of(const Receipt& receipt, FirstState state) {
        return {receipt.id,
                receipt.fingerprint,
                receipt.payload,
                receipt.received_at,
                receipt.run_before,
                receipt.idempotent,
                state};
    }
};

struct StartedChange {
    std::string_view id;
};

struct FinishedChange {
    std::string_view id;
    Outcome kind = Outcome::succeeded;
    std::string_view message;
    Lease lease = Lease::no;
    WallTime at{};
};

struct DeliveredChange {
    std::string_view id;
    WallTime at{};
};

using RedoRecord = std::variant<ReceivedChange, StartedChange, FinishedChange, DeliveredChange>;

[[nodiscard]] std::size_t encoded_size(const RedoRecord& record) noexcept;
// Writes encoded_size() bytes.
void encode(const RedoRecord& record, char* target) noexcept;
[[nodiscard]] inline std::string_view id_of(const RedoRecord& record) noexcept {
    return std::visit([](const auto& change) { return change.id; }, record);
}
// nullopt: these bytes are no record. Times are whole milliseconds, as in the database.
[[nodiscard]] std::optional<RedoRecord> decode(std::string_view bytes) noexcept;

}  // namespace jiro::delivery
