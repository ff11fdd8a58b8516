// SPDX-License-Identifier: MIT
#include "monitor/running_table.hpp"

#include <algorithm>
#include <cstring>

namespace jiro::monitor {

// Ordering, the same in every seqlock of this module and without fences, which ThreadSanitizer cannot follow: the
// writer stores the odd sequence number, then the data with release, then the even number with release. A reader that
// sees any new data (acquire) therefore also sees the odd number when it looks at the sequence again, and takes the
// slot once more.

RunningTable::~RunningTable() {
    for (Block* block = first_.next.load(); block != nullptr;) {
        const std::unique_ptr<Block> doomed(block);
        block = doomed->next.load();
    }
}

template <std::size_t Bytes>
void RunningTable::store(Text<Bytes>& text, std::string_view value) {
    std::array<std::uint64_t, Bytes / 8> words{};
    const auto size = std::min(value.size(), Bytes);
    std::memcpy(words.data(), value.data(), size);
    for (std::size_t i = 0; i * 8 < size; ++i) text.words[i].store(words[i], std::memory_order_release);
    text.size.store(size, std::memory_order_release);
}

template <std::size_t Bytes>
std::string RunningTable::load(const Text<Bytes>& text) {
    std::array<std::uint64_t, Bytes / 8> words{};
    // A torn reading may hold any size that was ever stored: bounded by construction, and thrown away by the caller.
    const auto size = std::min<std::size_t>(text.size.load(std::memory_order_acquire), Bytes);
    for (std::size_t i = 0; i * 8 < size; ++i) words[i] = text.words[i].load(std::memory_order_acquire);
    std::string value(size, '\0');
    std::memcpy(value.data(), words.data(), size);
    return value;
}

template <typename Change>
void RunningTable::write(Slot& slot, Change change) {
    const auto sequence = slot.sequence.load(std::memory_order_relaxed);
    slot.sequence.store(sequence + 1, std::memory_order_relaxed);
    change(slot);
    slot.sequence.store(sequence + 2, std::memory_order_release);
    version_.fetch_add(1, std::memory_order_acq_rel);
}

RunningTable::Slot* RunningTable::free_slot() {
    if (last_ == nullptr) {
        last_ = &first_;
        for (Slot& slot : first_.slots) free_.push_back(&slot);
    }
    if (free_.empty()) {
        auto block = std::make_unique<Block>();
        for (Slot& slot : block->slots) free_.push_back(&slot);
        Block* added = block.release();  // owned by the list from here on
        last_->next.store(added, std::memory_order_release);
        last_ = added;
    }
    Slot* slot = free_.back();
    free_.pop_back();
    return slot;
}

bool RunningTable::insert(std::string_view id, std::string_view name, TimePoint started) {
    const auto [entry, is_new] =
        entries_.try_emplace(std::string(id), Entry{nullptr, std::string(name), Phase::active});
    if (!is_new) return false;
    entry->second.slot = free_slot();
    write(*entry->second.slot, [&](Slot& slot) {
        store(slot.id, id);
        store(slot.name, name);
        slot.started.store(started.time_since_epoch().count(), std::memory_order_release);
        slot.phase.store(static_cast<std::uint64_t>(Phase::active), std::memory_order_release);
    });
    return true;
}

bool RunningTable::detach(std::string_view id) {
    const auto entry = entries_.find(std::string(id));
    if (entry == entries_.end() || entry->second.phase != Phase::active) return false;
    entry->second.phase = Phase::detached;
    write(*entry->second.slot,
          [](Slot& slot) { slot.phase.store(static_cast<std::uint64_t>(Phase::detached), std::memory_order_release); });
    return true;
}

std::optional<RunningTable::Removed> RunningTable::remove(std::string_view id) {
    const auto entry = entries_.find(std::string(id));
    if (entry == entries_.end()) return std::nullopt;
    write(*entry->second.slot,
          [](Slot& slot) { slot.phase.store(static_cast<std::uint64_t>(Phase::none), std::memory_order_release); });
    free_.push_back(entry->second.slot);
    Removed removed{std::move(entry->second.name), entry->second.phase};
    entries_.erase(entry);
    return removed;
}

std::optional<RunningCommand> RunningTable::read(const Slot& slot) {
    for (;;) {
        const auto before = slot.sequence.load(std::memory_order_acquire);
        if (before % 2 != 0) continue;  // the loop is within a few stores
        const auto phase = static_cast<Phase>(slot.phase.load(std::memory_order_acquire));
        std::optional<RunningCommand> command;
        if (phase != Phase::none) {
            const TimePoint started{Duration(slot.started.load(std::memory_order_acquire))};
            command = RunningCommand{load(slot.id), load(slot.name), started, phase == Phase::detached};
        }
        if (slot.sequence.load(std::memory_order_relaxed) == before) return command;
    }
}

std::vector<RunningCommand> RunningTable::read_slots() const {
    std::vector<RunningCommand> commands;
    for (const Block* block = &first_; block != nullptr; block = block->next.load(std::memory_order_acquire)) {
        for (const Slot& slot : block->slots) {
            if (auto command = read(slot)) commands.push_back(std::move(*command));
        }
    }
    return commands;
}

std::vector<RunningCommand> RunningTable::read() const {
    constexpr int kTries = 8;
    std::vector<RunningCommand> commands;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const auto before = version_.load(std::memory_order_acquire);
        commands = read_slots();
        if (version_.load(std::memory_order_acquire) == before) break;
    }
    std::ranges::sort(commands, {}, &RunningCommand::started);
    return commands;
}

}  // namespace jiro::monitor
