// SPDX-License-Identifier: MIT
#pragma once
// Negotiation, pure: which ids were given out and may still connect, and the JSON that tells the client. As in ASP.NET
// Core, version 1 separates the public connectionId from the secret connectionToken; version 0 has only the former.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/random.hpp"

namespace jiro::dev_hub {

struct NegotiatedId {
    std::string connection_id;
    std::string connection_token;  // what the upgrade's `id` must be; equals connection_id in version 0
};

// Decoded value of the query parameter `name` (without '?' in `query`); nullopt when absent. '+' stays '+'.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

// The body of the answer to POST .../negotiate.
[[nodiscard]] std::string negotiate_body(int version, const NegotiatedId& id);
[[nodiscard]] std::string negotiate_error_body(std::string_view error);

class Negotiations {
  public:
    // `lifetime`: how long an id that nobody uses stays good.
    Negotiations(RandomSource& random, Duration lifetime) : random_(random), lifetime_(lifetime) {}

    [[nodiscard]] NegotiatedId create(int version, TimePoint now);
    // An id for a client that skips negotiation.
    [[nodiscard]] std::string connection_id();

    enum class Claim { ok, unknown, in_use };
    // Takes the id for one connection; `release` when that has ended.
    [[nodiscard]] Claim claim(const std::string& token, TimePoint now, std::string& connection_id);
    void release(const std::string& token);

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct Entry {
        std::string connection_id;
        TimePoint expires;
        bool in_use = false;
    };
    void forget_expired(TimePoint now);

    RandomSource& random_;
    Duration lifetime_;
    std::map<std::string, Entry> entries_;  // by connection token
};

}  // namespace jiro::dev_hub
