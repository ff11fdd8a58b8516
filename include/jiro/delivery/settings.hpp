// SPDX-License-Identifier: MIT
#pragma once
// What the configuration says about delivery: the sections `Grpc` and `Outbox`. Plain values with their defaults;
// config fills them and checks the ranges, the daemon hands them to make_grpc_result_sender, the outboxes and the
// Courier.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/tls_files.hpp"
#include "jiro/base/url.hpp"

namespace jiro::delivery {

struct GrpcSettings {
    std::optional<Url> server_url;                      // https://host:port, or http:// for plaintext
    std::chrono::milliseconds timeout{30'000};          // of one attempt, plus 1 s for each 32 KiB of the message
    int max_retries = 3;                                // fast attempts after the first; then the outbox's slow path
    std::chrono::milliseconds retry_delay{1'000};       // upper bound of the first retry's delay; doubles; full jitter
    std::chrono::milliseconds max_retry_delay{30'000};  // upper bound of every fast retry's delay
    TlsFiles tls;                                       // used when server_url is https
    std::optional<Url> proxy;                           // http://; none: the environment's (base/proxy)

    friend bool operator==(const GrpcSettings&, const GrpcSettings&) = default;
};

enum class Durability {
    process,  // survives kill -9: a commit is in the kernel's page cache
    power,    // survives a power cut: a commit that a promise depends on is synced to the disk
};

// As OutboxSettings::path: no file. What is not delivered is lost with the process.
inline constexpr std::string_view kInMemory = ":memory:";

struct OutboxSettings {
    std::filesystem::path path;  // of outbox.db, or kInMemory; empty: ${STATE_DIRECTORY}/outbox.db, set by the daemon
    // A file on tmpfs that outlives the process: changes are committed there at once and written into the database soon
    // after. Empty: each change waits for the database. Not used with Durability::power.
    std::filesystem::path redo_log{};
    Durability durability = Durability::process;
    std::chrono::hours max_age{168};  // an undelivered outcome older than this becomes a dead letter
    std::uint64_t max_bytes =
        256ULL * 1024 * 1024;                  // of stored commands and outcomes; at the limit new commands are refused
    std::uint64_t max_rows = 2'000'000;        // of everything but tombstones; at the limit new commands are refused
    std::chrono::hours dedupe_window{24};      // a delivered command's id is remembered this long: not run again
    std::uint64_t max_tombstones = 1'000'000;  // remembered ids beyond this number are forgotten, oldest first
    std::int64_t max_pages = 0;  // limit of the database file in 4 KiB pages; 0: none (tests of a full disk)
    std::uint64_t ballast_bytes =
        8ULL * 1024 * 1024;  // kept allocated beside the database, freed when the disk is full
};

struct Settings {
    GrpcSettings grpc;
    OutboxSettings outbox;
};

}  // namespace jiro::delivery
