// SPDX-License-Identifier: MIT
#pragma once
// Finds secrets in a text, however programs write them: as they are; escaped with backslashes, as in JSON, C or a shell
// (\" \/ \u00e4); in a shell's quotes ('it'\''s'); percent-encoded or as a field of a form; in base64, also the URL's
// alphabet and broken into lines; and base64 that is escaped in turn. One pass, which looks at most characters once.
// Immutable: any thread.

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jiro {

class SecretSpellings {
  public:
    static constexpr std::size_t kMinLength = 6;  // shorter values would tear up ordinary words
    static constexpr std::string_view kMask = "***";

    // How a text ends: what was begun there may go on, was cut off, or is none. In a text that is there as a whole
    // what stands before kCut (jiro/base/text.hpp) was cut off, wherever that is: a peer's words stand in a sentence.
    enum class End { open, cut, whole };

    enum class Escapes { none, backslash, quotes, percent };

    struct Found {
        std::size_t begin;
        std::size_t size;
        bool is_open;  // it may become one
    };
    struct Masked {
        std::string shown;
        std::string_view held;    // of an open end: what may become one
        std::size_t covered = 0;  // so much of it belongs to what was masked last, too
    };

    SecretSpellings() = default;
    // Values that are shorter than `shortest` are left out.
    template <std::ranges::input_range Values>
    explicit SecretSpellings(const Values& values, std::size_t shortest = kMinLength) {
        std::set<Pattern> patterns;
        for (const std::string& value : values)
            if (value.size() >= shortest) add(value, patterns);
        look_for(patterns);
    }

    // Bytes of the longest spelling there may be: `\u00e4` for each character.
    [[nodiscard]] std::size_t longest() const noexcept { return 6 * longest_value_; }

    // The first at `from` or behind it, the longest of those that begin there.
    [[nodiscard]] std::optional<Found> find(std::string_view text, std::size_t from, End end) const;
    // Those that overlap are one. `covered`: of what was held before.
    [[nodiscard]] Masked masked(std::string_view text, End end, std::size_t covered = 0) const;

  private:
    // What is looked for: a value, or what of its base64 form does not depend on its neighbours.
    struct Pattern {
        std::string text;
        bool is_base64;

        friend auto operator<=>(const Pattern&, const Pattern&) = default;
    };
    struct Match {
        std::size_t size = 0;    // of all of it; 0: it does not stand there
        std::size_t begun = 0;   // characters of it that stand there
        std::size_t behind = 0;  // where they end
        bool is_cut_by_the_end = false;
    };

    // One that may begin at a place; in order, so that those that begin alike are not compared each.
    struct Candidate {
        std::uint32_t pattern;
        std::uint32_t shared;  // characters of its beginning that the candidate before it has, too
    };

    void add(std::string_view value, std::set<Pattern>& patterns);
    void look_for(const std::set<Pattern>& patterns);
    void add_beginning(const Pattern& pattern, char first);
    [[nodiscard]] static Match match(const Pattern& pattern, std::string_view text, Escapes escapes);
    [[nodiscard]] static std::size_t size_of_half(const Match& match, std::string_view text, Escapes escapes, End end);
    [[nodiscard]] std::optional<Found> find_at(std::string_view text, std::size_t at, End end) const;

    std::vector<Pattern> patterns_;
    std::size_t longest_value_ = 0;
    std::array<std::vector<Candidate>, 256> by_first_byte_;
    std::bitset<65536> first_two_bytes_;  // of all of them: nearly every place of a text is passed by it
};

}  // namespace jiro
