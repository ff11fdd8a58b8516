// SPDX-License-Identifier: MIT
#pragma once
// The last line of defence against secrets in logs: replaces known secret values, and what looks like one by its name,
// by ***. Callers still do not log secrets; this catches the library message or the URL nobody thought of. Any thread.

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/secret_mask.hpp"

namespace jiro {

// How a secret may appear in a text: as it is, percent-encoded, and what of its base64 form does not depend on its
// neighbours. Those that are long enough.
[[nodiscard]] std::vector<std::string> forms_of_secret(std::string_view secret);

class Redactor {
  public:
    // Shorter values would hide ordinary words.
    static constexpr std::size_t kMinLength = SecretMask::kMinLength;
    // Tokens rotate: the oldest values beyond this many are forgotten.
    static constexpr std::size_t kMaxSecrets = 64;

    void add(std::string_view secret);

    // What may be shown in place of a text; nothing: it may be shown as it is, as most may.
    [[nodiscard]] std::optional<std::string> redacted(std::string_view text) const;
    // Of a field's value; the whole of it goes when the name alone says that it is secret.
    [[nodiscard]] std::optional<std::string> redacted_field(std::string_view name, std::string_view value) const;

  private:
    std::atomic<bool> has_secrets_ = false;
    mutable std::mutex mutex_;
    // Oldest first. Of each: the value itself, percent-encoded, and what of its base64 form does not depend on its
    // neighbours.
    std::deque<std::vector<std::string>> secrets_;
};

}  // namespace jiro
