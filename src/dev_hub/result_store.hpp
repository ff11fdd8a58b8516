// SPDX-License-Identifier: MIT
#pragma once
// Every result that came over gRPC, counted: for each commandSyncId how often it came, how often it was accepted, and
// whether its bytes ever differed. About 150 bytes an id, so millions fit. Pure; one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jiro/base/chart.hpp"
#include "jiro/base/error.hpp"

namespace jiro::dev_hub {

// A ClientMessage in plain types.
struct ReceivedResult {
    enum class Kind { none, text, graph };

    std::string sync_id;
    std::string command_name;
    std::string session_id;
    bool is_success = false;
    Kind kind = Kind::none;
    std::string text;       // textResult.response; as it came, BASE64 not decoded
    std::string text_type;  // "PLAIN", "JSON", "BASE64", "MARKDOWN", "HTML"
    Chart graph;
    std::vector<std::pair<std::string, std::string>> parameters;

    std::uint64_t digest = 0;  // of the exact bytes
    std::size_t size = 0;      // of the exact bytes
};

// Parses the bytes of a ClientMessage.
[[nodiscard]] Result<ReceivedResult> parse_result(std::string_view bytes);
// 64 bits, the same for the same bytes in every run of the same build.
[[nodiscard]] std::uint64_t digest_of(std::string_view bytes) noexcept;
[[nodiscard]] std::string hex(std::uint64_t digest);

class ResultStore {
  public:
    struct Entry {
        std::uint64_t digest = 0;       // of the first attempt's bytes
        std::uint32_t attempts = 0;     // calls that came with this id
        std::uint32_t accepted = 0;     // calls that were processed: a lost reply counts, a failed call does not
        std::uint32_t conflicting = 0;  // attempts whose bytes differ from the first one's
        bool is_success = false;        // of the first attempt
    };
    struct Totals {
        std::uint64_t ids = 0;
        std::uint64_t attempts = 0;
        std::uint64_t accepted = 0;
        std::uint64_t accepted_ids = 0;  // ids accepted at least once
        std::uint64_t duplicates = 0;    // acceptances beyond an id's first
        std::uint64_t conflicting = 0;
        std::uint64_t failures = 0;  // ids whose result has isSuccess=false
    };
    using Entries = std::unordered_map<std::string, Entry>;

    enum class Outcome { accepted, not_accepted };
    // Counts one call. Returns the id's entry after it.
    const Entry& record(const ReceivedResult& result, Outcome outcome);

    [[nodiscard]] bool was_accepted(const std::string& sync_id) const;
    [[nodiscard]] const Entry* find(const std::string& sync_id) const;
    [[nodiscard]] const Entries& entries() const noexcept { return entries_; }
    [[nodiscard]] const Totals& totals() const noexcept { return totals_; }

  private:
    Entries entries_;
    Totals totals_;
};

}  // namespace jiro::dev_hub
