// SPDX-License-Identifier: MIT
#pragma once
// Which ids the outbox may know: a Bloom filter beside the database, so that a new command's id need not be looked up.
// "No" is certain, "maybe" is for the database to decide; until a filter has learned what the database holds, the
// answer is always "maybe". Its size is fixed; ids never leave it, so when it gets full a new one is made.
//
// The event loop asks, adds and begins. The storage thread loads into a filter that was begun what the database held
// then, while the event loop adds new ids to it: none is missed.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

namespace jiro::delivery {

class SeenIds {
  public:
    // Rebuilt when it holds more than `many` ids and twice as many as it was loaded with.
    explicit SeenIds(std::uint64_t many = 2'000'000);
    ~SeenIds();
    SeenIds(const SeenIds&) = delete;
    SeenIds& operator=(const SeenIds&) = delete;

    // The event loop.
    [[nodiscard]] bool may_contain(std::string_view id);
    void add(std::string_view id);
    [[nodiscard]] bool wants_filter() const noexcept { return (!next_ || has_failed_) && held_ >= rebuild_above_; }
    void begin();

    // The storage thread, once for each begin(): every id that the database held then, in any order; then it is ready.
    // Or it has failed: another one is wanted.
    void load(std::string_view id) noexcept;
    void ready(std::uint64_t taught) noexcept;
    void failed() noexcept { has_failed_ = true; }

  private:
    class Filter;

    void take_over_when_ready();

    const std::uint64_t capacity_;
    std::unique_ptr<Filter> current_;  // null: none yet
    std::unique_ptr<Filter> next_;
    std::uint64_t held_ = 0;           // by current_
    std::uint64_t rebuild_above_ = 0;  // then a new one is wanted
    std::uint64_t added_to_next_ = 0;
    std::atomic<std::uint64_t> loaded_{0};
    std::atomic<bool> is_ready_{false};  // next_
    std::atomic<bool> has_failed_{false};
};

}  // namespace jiro::delivery
