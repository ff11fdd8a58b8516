// SPDX-License-Identifier: MIT
#pragma once
// A value that must not be seen: tokens, keys, passwords. It cannot be printed, formatted or compared by accident; the
// one way to its text is `reveal()`, called where the value goes on the wire. Destruction wipes it.

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace jiro {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept { *this = std::move(other); }
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    [[nodiscard]] const std::string& reveal() const noexcept { return value_; }

    friend bool operator==(const Secret&, const Secret&) = default;
    friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

  private:
    void wipe() noexcept;

    std::string value_;
};

// What this program shows of itself to the hub and to the results server; empty: not sent.
struct Credentials {
    Secret access_token;  // as a bearer token
    Secret api_key;

    friend bool operator==(const Credentials&, const Credentials&) = default;
};

// `text` with ***, as in the log, in place of the secrets and of what looks like one by its name: a peer may repeat
// what it was told, in any spelling (base/secret_spellings.hpp, which leaves out the shortest).
[[nodiscard]] std::string redacted(std::string text, const std::vector<Secret>& secrets);

}  // namespace jiro
