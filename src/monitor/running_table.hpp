// SPDX-License-Identifier: MIT
#pragma once
// The commands that run now, readable from any thread without making the event loop wait and without copying anything
// per command: slots of plain atomics, each with its own sequence number (a seqlock). The loop writes a slot when a
// command starts, is detached or ends, in constant time; a reader copies the slots and takes a slot again when it
// changed meanwhile. Slots come in blocks that are added when needed and live as long as the table.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jiro/monitor/command_queue_monitor.hpp"

namespace jiro::monitor {

class RunningTable {
  public:
    enum class Phase : std::uint64_t { none, active, detached };

    RunningTable() = default;
    ~RunningTable();
    RunningTable(const RunningTable&) = delete;
    RunningTable& operator=(const RunningTable&) = delete;

    struct Removed {
        std::string name;
        Phase phase;
    };

    // The event loop only. False or nothing: no such command, or already there.
    bool insert(std::string_view id, std::string_view name, TimePoint started);
    bool detach(std::string_view id);
    [[nodiscard]] std::optional<Removed> remove(std::string_view id);

    // Any thread. One instant's table unless it changes all the time; then each entry is right by itself.
    [[nodiscard]] std::vector<RunningCommand> read() const;

  private:
    template <std::size_t Bytes>
    struct Text {
        std::array<std::atomic<std::uint64_t>, Bytes / 8> words{};
        std::atomic<std::uint64_t> size{0};
    };

    struct Slot {
        std::atomic<std::uint64_t> sequence{0};  // odd while the loop writes
        std::atomic<std::uint64_t> phase{0};
        std::atomic<std::int64_t> started{0};
        Text<kShownIdBytes> id;
        Text<kShownNameBytes> name;
    };

    struct Block {
        std::array<Slot, 32> slots;
        std::atomic<Block*> next{nullptr};
    };

    struct Entry {
        Slot* slot;
        std::string name;
        Phase phase;
    };

    template <std::size_t Bytes>
    static void store(Text<Bytes>& text, std::string_view value);
    template <std::size_t Bytes>
    static std::string load(const Text<Bytes>& text);
    template <typename Change>
    void write(Slot& slot, Change change);
    static std::optional<RunningCommand> read(const Slot& slot);
    Slot* free_slot();
    [[nodiscard]] std::vector<RunningCommand> read_slots() const;

    std::unordered_map<std::string, Entry> entries_;  // the loop's own view, by whole id
    std::vector<Slot*> free_;
    Block first_;
    Block* last_ = nullptr;
    std::atomic<std::uint64_t> version_{0};
};

}  // namespace jiro::monitor
