// SPDX-License-Identifier: MIT
#include "delivery/redo/seen_ids.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <new>

namespace jiro::delivery {

namespace {

// 2 MiB, in blocks as long as a cache line: all bits of an id lie in one. Of a million ids (max_tombstones) it takes a
// new one for a known one about once in 500 times, of half a million once in 8,000.
constexpr std::size_t kBlocks = 32 * 1024;
constexpr std::size_t kWordsInBlock = 8;
constexpr int kProbes = 6;

}  // namespace

class SeenIds::Filter {
  public:
    Filter() {
        if (!words_) throw std::bad_alloc();
    }

    void add(std::string_view id) noexcept {
        each_bit(id, [](std::atomic<std::uint64_t>& word, std::uint64_t bit) {
            word.fetch_or(bit, std::memory_order_relaxed);
            return true;
        });
    }
    [[nodiscard]] bool may_contain(std::string_view id) noexcept {
        return each_bit(id, [](const std::atomic<std::uint64_t>& word, std::uint64_t bit) {
            return (word.load(std::memory_order_relaxed) & bit) != 0;
        });
    }

  private:
    // Until `visit` says false; whether it never did.
    template <typename Visit>
    bool each_bit(std::string_view id, Visit visit) noexcept {
        const std::uint64_t hash = std::hash<std::string_view>{}(id);
        auto* const block = &words_[hash % kBlocks * kWordsInBlock];
        std::uint64_t places = hash * 0x9E3779B97F4A7C15U >> 10U;  // nine bits for each probe: one of the block's 512
        for (int probe = 0; probe < kProbes; ++probe, places >>= 9U) {
            if (!visit(block[places / 64 % kWordsInBlock], std::uint64_t{1} << (places % 64))) return false;
        }
        return true;
    }

    struct Free {
        void operator()(void* memory) const noexcept { std::free(memory); }
    };
    // Zeroed by the kernel as it is touched: few ids, little memory.
    using Word = std::atomic<std::uint64_t>;
    static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));
    std::unique_ptr<Word[], Free> words_{static_cast<Word*>(std::calloc(kBlocks * kWordsInBlock, sizeof(Word)))};
};

SeenIds::SeenIds(std::uint64_t many) : capacity_(many) {}
SeenIds::~SeenIds() = default;

bool SeenIds::may_contain(std::string_view id) {
    take_over_when_ready();
    return !current_ || current_->may_contain(id);
}

void SeenIds::add(std::string_view id) {
    take_over_when_ready();
    if (current_) {
        current_->add(id);
        ++held_;
    }
    if (next_) {
        next_->add(id);
        ++added_to_next_;
    }
}

void SeenIds::begin() {
    next_ = std::make_unique<Filter>();
    added_to_next_ = 0;
    is_ready_ = false;
    has_failed_ = false;
}

void SeenIds::take_over_when_ready() {
    if (!next_ || !is_ready_) return;
    current_ = std::move(next_);
    held_ = loaded_ + added_to_next_;
    rebuild_above_ = std::max(capacity_, 2 * held_);
}

void SeenIds::load(std::string_view id) noexcept { next_->add(id); }

void SeenIds::ready(std::uint64_t taught) noexcept {
    loaded_ = taught;
    is_ready_ = true;
}

}  // namespace jiro::delivery
