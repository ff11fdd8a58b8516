// SPDX-License-Identifier: MIT
#pragma once
// The last line of defence against secrets in logs: replaces known secret values, and what looks like one by its name,
// by ***. Callers still do not log secrets; this catches the library message or the URL nobody thought of. Any thread.

#include <array>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_spellings.hpp"

namespace jiro {

// What may be shown in place of a text that may hold known secrets, or some by their name; nothing: it may be shown as
// it is.
[[nodiscard]] std::optional<std::string> without_secrets(std::string_view text, const SecretSpellings& known);

class Redactor {
  public:
    // Shorter values would hide ordinary words.
    static constexpr std::size_t kMinLength = SecretSpellings::kMinLength;
    // Tokens rotate: the oldest values beyond this many are forgotten, but no source's newest.
    static constexpr std::size_t kMaxRotating = 64;

    static constexpr std::size_t kHolders = 2;

    // `source`: where it was read, and where another may be read later.
    void add(std::string_view secret, std::string_view source);
    // All that a holder has, however many they are; what it had before is known until that changes again.
    void hold(std::size_t holder, std::vector<std::string> values);

    // What may be shown in place of a text; nothing: it may be shown as it is, as most may.
    [[nodiscard]] std::optional<std::string> redacted(std::string_view text) const;
    // Of a field's value; the whole of it goes when the name alone says that it is secret.
    [[nodiscard]] std::optional<std::string> redacted_field(std::string_view name, std::string_view value) const;

  private:
    struct Rotating {
        std::string source;
        std::string value;
    };

    struct Held {
        std::vector<std::string> now;
        std::vector<std::string> before;
    };

    void forget_one();
    void use_all();

    mutable std::mutex mutex_;
    std::deque<Rotating> rotating_;  // oldest first
    std::array<Held, kHolders> held_;
    SecretSpellings spellings_;  // of them all
};

}  // namespace jiro
