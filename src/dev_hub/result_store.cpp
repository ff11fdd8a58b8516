// SPDX-License-Identifier: MIT
#include "dev_hub/result_store.hpp"

#include <functional>

namespace jiro::dev_hub {
namespace {

constexpr std::size_t kMaxRecentBytes = 16U << 20;

}  // namespace

std::uint64_t digest_of(std::string_view bytes) noexcept { return std::hash<std::string_view>()(bytes); }

std::string hex(std::uint64_t digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; digest >>= 4) out[i] = kDigits[digest & 15];
    return out;
}

const ResultStore::Entry& ResultStore::record(const std::shared_ptr<const ReceivedResult>& result, Outcome outcome) {
    auto& entry = entries_[result->sync_id];
    ++totals_.attempts;
    if (entry.attempts++ == 0) {
        entry.digest = result->digest;
        entry.is_success = result->is_success;
        ++totals_.ids;
        if (!result->is_success) ++totals_.failures;
    } else if (entry.digest != result->digest) {
        ++entry.conflicting;
        ++totals_.conflicting;
    }
    if (outcome == Outcome::not_accepted) return entry;

    ++totals_.accepted;
    ++(entry.accepted++ == 0 ? totals_.accepted_ids : totals_.duplicates);
    recent_.push_back(result);
    recent_bytes_ += result->size;
    while (recent_.size() > recent_limit_ || (recent_bytes_ > kMaxRecentBytes && recent_.size() > 1)) {
        recent_bytes_ -= recent_.front()->size;
        recent_.pop_front();
    }
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

std::shared_ptr<const ReceivedResult> ResultStore::recent(const std::string& sync_id) const {
    for (auto result = recent_.rbegin(); result != recent_.rend(); ++result) {
        if ((*result)->sync_id == sync_id) return *result;
    }
    return nullptr;
}

std::shared_ptr<const ReceivedResult> ResultStore::last() const { return recent_.empty() ? nullptr : recent_.back(); }

void ResultStore::reset() {
    entries_.clear();
    totals_ = {};
    recent_.clear();
    recent_bytes_ = 0;
}

}  // namespace jiro::dev_hub
