// SPDX-License-Identifier: MIT
#pragma once
// Loads one client and measures it: closed loop (each result lets the next command go) or open loop (commands go at
// their planned moments whatever the client does, and latency counts from the planned moment, so a client that stalls
// does not hide what the stall cost). Everything runs on the loop.

#include <sys/types.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/load/hub.hpp"
#include "bench/load/results.hpp"

namespace jiro::bench {

struct Plan {
    enum class Loop { closed, open };
    Loop loop = Loop::closed;
    int in_flight = 1;        // closed
    double rate = 0;          // open: commands a second
    std::size_t bytes = 100;  // of the text that is echoed
    double seconds = 1;       // of measuring, after `warm_up`
    double warm_up = 0.2;
    std::uint64_t commands = 0;  // closed: so many, however long it takes; 0: by time
    pid_t pid = 0;               // of the client
};

class Load {
  public:
    explicit Load(boost::asio::io_context& context);

    [[nodiscard]] std::uint16_t hub_port() const { return hub_.port(); }
    [[nodiscard]] int grpc_port() const noexcept { return results_.port(); }
    // The figures of one phase, for printing. All that was sent has come back, or is reported as lost.
    [[nodiscard]] Task<nlohmann::json> run(Plan plan);

  private:
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
    static constexpr std::size_t kStamps = 1U << 20U;  // more than can be under way at once

    void send_one(std::int64_t stamp);
    void take(const Arrival& arrival);
    Task<> send_on_schedule();
    Task<> sleep_until(std::int64_t moment);
    [[nodiscard]] Task<bool> wait_for_results();
    [[nodiscard]] bool may_send() const;
    std::int64_t& stamp_of(std::uint64_t number) { return stamps_[number % kStamps]; }

    boost::asio::io_context& context_;
    boost::asio::steady_timer timer_;
    const std::string ids_begin_with_;
    std::vector<std::int64_t> stamps_ = std::vector<std::int64_t>(kStamps, 0);
    std::uint64_t last_number_ = 0;
    std::uint64_t under_way_ = 0;

    // Of the running phase.
    Plan plan_;
    std::string before_id_;
    bool is_sending_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t duplicates_ = 0;
    std::int64_t begin_ = kNever;  // of measuring
    std::int64_t end_ = kNever;
    std::int64_t last_arrival_ = 0;
    std::vector<std::int64_t> latencies_;

    Hub hub_;
    Results results_;
};

}  // namespace jiro::bench
