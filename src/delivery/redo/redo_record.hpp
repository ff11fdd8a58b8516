// SPDX-License-Identifier: MIT
#pragma once
// One change of a command's row, as the redo log holds it: received, started, finished or delivered. Encoding and
// decoding are pure; decode() takes nothing on trust. Views point into what was encoded or decoded.

#include <optional>
#include <string_view>
#include <tuple>
#include <variant>

#include "jiro/delivery/outbox.hpp"

namespace jiro::delivery {

// Each kind says how it is written: fields() in their order, then rest(), a text that ends with the record.
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
    static auto fields(auto& one) {
        return std::tie(one.fingerprint, one.received_at, one.run_before, one.idempotent, one.state, one.id);
    }
    static auto& rest(auto& one) { return one.payload; }
};

struct StartedChange {
    std::string_view id;

    static auto fields(auto&) { return std::tie(); }
    static auto& rest(auto& one) { return one.id; }
};

struct FinishedChange {
    std::string_view id;
    Outcome kind = Outcome::succeeded;
    std::string_view message;
    Lease lease = Lease::no;
    WallTime at{};

    static auto fields(auto& one) { return std::tie(one.kind, one.lease, one.at, one.id); }
    static auto& rest(auto& one) { return one.message; }
};

struct DeliveredChange {
    std::string_view id;
    WallTime at{};

    static auto fields(auto& one) { return std::tie(one.at); }
    static auto& rest(auto& one) { return one.id; }
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
