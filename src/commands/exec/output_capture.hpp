// SPDX-License-Identifier: MIT
#pragma once
// What a program printed, within a limit: the first quarter and the last three quarters are kept, what lies between is
// counted, and so is what nobody has. Pure; memory stays below twice the limit however much is printed.

#include <cstdint>
#include <string>
#include <string_view>

namespace jiro::commands {

class OutputCapture {
  public:
    explicit OutputCapture(std::size_t limit) : head_limit_(limit / 4), tail_limit_(limit - limit / 4) {}

    void append(std::string_view bytes);
    // That many which nobody has. They are counted; where they were is a gap, and what was kept but for the beginning
    // goes: what is kept is whole up to the gap and behind it.
    void skip(std::uint64_t bytes);

    [[nodiscard]] std::uint64_t total_bytes() const noexcept { return total_; }
    [[nodiscard]] bool is_cut() const noexcept { return total_ > head_.size() + kept_tail().size(); }
    // All that was kept; where something was left out, a line between the parts says how much.
    [[nodiscard]] std::string text() const;
    // The last `limit` bytes that were kept.
    [[nodiscard]] std::string tail(std::size_t limit) const;

    // The bytes from `from` on, at most `limit`. What stood there may be left out: then those behind the gap.
    struct Part {
        std::uint64_t from = 0;
        std::string_view bytes;  // valid until the next append
    };
    [[nodiscard]] Part read(std::uint64_t from, std::size_t limit) const noexcept;

    [[nodiscard]] std::size_t kept_bytes() const noexcept { return head_.size() + tail_.size(); }

  private:
    [[nodiscard]] std::string_view kept_tail() const noexcept;

    std::size_t head_limit_;
    std::size_t tail_limit_;
    std::string head_;
    std::string tail_;  // its last tail_limit_ bytes count
    std::uint64_t total_ = 0;
};

}  // namespace jiro::commands
