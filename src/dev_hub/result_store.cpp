// SPDX-License-Identifier: MIT
#include "dev_hub/result_store.hpp"

#include <functional>

namespace jiro::dev_hub {

std::uint64_t digest_of(std::string_view bytes) noexcept { return std::hash<std::string_view>()(bytes); }

std::string hex(std::uint64_t digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; digest >>= 4) out[i] = kDigits[digest & 15];
    return out;
}

const ResultStore::Entry& ResultStore::record(const ReceivedResult& result, Outcome outcome) {
    auto& entry = entries_[result.sync_id];
    ++totals_.attempts;
    if (entry.attempts++ == 0) {
        entry.digest = result.digest;
        entry.is_success = result.is_success;
        ++totals_.ids;
        if (!result.is_success) ++totals_.failures;
    } else if (entry.digest != result.digest) {
        ++entry.conflicting;
        ++totals_.conflicting;
    }
    if (outcome == Outcome::not_accepted) return entry;

    ++totals_.accepted;
    ++(entry.accepted++ == 0 ? totals_.accepted_ids : totals_.duplicates);
    return entry;
}

bool ResultStore::was_accepted(const std::string& sync_id) const {
    const auto* entry = find(sync_id);
    return entry != nullptr && entry->accepted > 0;
}

const ResultStore::Entry* ResultStore::find(const std::string& sync_id) const {
    const auto entry = entries_.find(sync_id);
    return entry == entries_.end() ? nullptr : &entry->second;
}

}  // namespace jiro::dev_hub
