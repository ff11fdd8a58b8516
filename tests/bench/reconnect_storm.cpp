// SPDX-License-Identifier: MIT
// How a whole fleet comes back when its hub restarts: a simulation of N clients that decide with the product's own
// policy (ConnectionFsm), against a hub that can do so many handshakes a second. Prints, for several settings, the peak
// of attempts in one second, the attempts each client needed, and when 50 %, 99 % and all of them were connected again
// (- : not within 20 minutes).
//
//     reconnect_storm [clients...]         default: 10000 100000 1000000
//
// The model: everybody is connected, and has been for long, when the hub ends at second 0. It is back at second 30.
// While it is away an attempt is refused at once. When it is back it works its queue off in order. A hub that *sheds*
// keeps a queue of 3 s and answers 503 at once beyond it; one that does not lets the queue grow, and works for clients
// that have given up after their 15 s. Nothing models TLS resumption, several hubs, or networks.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "jiro/base/random.hpp"
#include "jiro/signalr/settings.hpp"
#include "signalr/connection/connection_fsm.hpp"

namespace {

using namespace std::chrono_literals;
using jiro::Duration;
using jiro::TimePoint;
using jiro::signalr::ConnectionFsm;
using jiro::signalr::Failure;
using jiro::signalr::State;
using jiro::signalr::Transition;

class SeededRandom final : public jiro::RandomSource {
  public:
    std::uint64_t next() override { return engine_(); }

  private:
    std::mt19937_64 engine_{20261122};
};

struct Policy {
    std::chrono::milliseconds first;
    std::chrono::milliseconds most;
    int attempts;  // MaxReconnectionAttempts
};

enum class Ending { crash, restart };  // connections reset, or closed with 1012
enum class Overload { sheds, queues };

struct Hub {
    double handshakes_per_second;
    Overload overload;
};

struct Outcome {
    std::uint64_t attempts = 0;
    std::uint64_t peak = 0;         // attempts in the worst second after the hub was back
    std::uint64_t peak_ever = 0;    // and in the worst second of all
    std::vector<double> connected;  // seconds after the hub was back
};

constexpr auto kDown = 30s;
constexpr auto kShedQueue = 3s;
constexpr auto kPatience = 15s;
constexpr auto kHorizon = 20min;

struct Event {
    TimePoint at;
    std::uint32_t client;
    bool fails = false;  // false: an attempt begins; true: one is given up
    friend bool operator>(const Event& left, const Event& right) { return left.at > right.at; }
};

class Storm {
  public:
    Storm(std::size_t clients, const Policy& policy, const Hub& hub) : hub_(hub) {
        settings_.reconnection_delay = policy.first;
        settings_.max_reconnection_delay = policy.most;
        settings_.max_reconnection_attempts = policy.attempts;
        fleet_.reserve(clients);
        for (std::size_t i = 0; i < clients; ++i) fleet_.push_back(std::make_unique<ConnectionFsm>(random_, nullptr));
    }

    Outcome run(Ending ending) {
        Failure lost;
        if (ending == Ending::restart) lost.close_code = jiro::signalr::kServiceRestart;
        for (std::uint32_t client = 0; client < fleet_.size(); ++client) {
            auto& fsm = *fleet_[client];
            fsm.start(start_ - 1h);
            fsm.attempt_started();
            fsm.opened(start_ - 1h);
            schedule(client, fsm.lost(settings_, lost, start_), start_);
        }
        while (!events_.empty() && events_.top().at < start_ + kHorizon) {
            const Event event = events_.top();
            events_.pop();
            event.fails ? attempt_failed(event.client, event.at) : attempt(event.client, event.at);
        }
        std::ranges::sort(outcome_.connected);
        return std::move(outcome_);
    }

  private:
    void schedule(std::uint32_t client, const Transition& transition, TimePoint now) {
        events_.push({now + transition.delay.value_or(Duration::zero()), client});
    }

    void attempt(std::uint32_t client, TimePoint now) {
        auto& fsm = *fleet_[client];
        if (fsm.state() == State::failed) fsm.start(now);
        fsm.attempt_started();
        count_attempt(now);
        if (now < start_ + kDown) return attempt_failed(client, now);

        const auto service =
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / hub_.handshakes_per_second));
        const TimePoint begins = std::max(now, busy_until_);
        if (hub_.overload == Overload::sheds && begins - now > kShedQueue) return attempt_failed(client, now);
        busy_until_ = begins + service;
        if (busy_until_ - now > kPatience) {
            events_.push({now + kPatience, client, true});
            return;
        }
        fsm.opened(busy_until_);
        outcome_.connected.push_back(std::chrono::duration<double>(busy_until_ - start_ - kDown).count());
    }

    void attempt_failed(std::uint32_t client, TimePoint now) {
        schedule(client, fleet_[client]->attempt_failed(settings_, Failure{}, now), now);
    }

    void count_attempt(TimePoint now) {
        ++outcome_.attempts;
        const auto second = std::chrono::duration_cast<std::chrono::seconds>(now - start_);
        if (second != this_second_) {
            this_second_ = second;
            in_this_second_ = 0;
        }
        ++in_this_second_;
        outcome_.peak_ever = std::max(outcome_.peak_ever, in_this_second_);
        if (second >= kDown) outcome_.peak = std::max(outcome_.peak, in_this_second_);
    }

    SeededRandom random_;
    jiro::signalr::Settings settings_;
    Hub hub_;
    const TimePoint start_{std::chrono::hours(24)};
    TimePoint busy_until_ = start_ + kDown;
    std::chrono::seconds this_second_{-1};
    std::uint64_t in_this_second_ = 0;
    std::vector<std::unique_ptr<ConnectionFsm>> fleet_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    Outcome outcome_;
};

std::string at_share(const Outcome& outcome, std::size_t clients, double share) {
    const auto wanted = static_cast<std::size_t>(share * static_cast<double>(clients));
    if (outcome.connected.size() < std::max<std::size_t>(wanted, 1)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", outcome.connected[wanted - 1]);
    return text;
}

void print_row(std::size_t clients, const Policy& policy, const Hub& hub, Ending ending) {
    const Outcome outcome = Storm(clients, policy, hub).run(ending);
    const std::string attempts = policy.attempts < 0 ? "" : ", " + std::to_string(policy.attempts) + " attempts";
    std::printf(
        "| %zu | %s | %s | %lld / %lld%s | %llu | %llu | %.1f | %s | %s | %s |\n", clients,
        ending == Ending::crash ? "crash" : "1012", hub.overload == Overload::sheds ? "sheds" : "queues",
        static_cast<long long>(policy.first.count()), static_cast<long long>(policy.most.count()), attempts.c_str(),
        static_cast<unsigned long long>(outcome.peak_ever), static_cast<unsigned long long>(outcome.peak),
        static_cast<double>(outcome.attempts) / static_cast<double>(clients), at_share(outcome, clients, 0.5).c_str(),
        at_share(outcome, clients, 0.99).c_str(), at_share(outcome, clients, 1).c_str());
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> fleets;
    for (int i = 1; i < argc; ++i) fleets.push_back(std::strtoul(argv[i], nullptr, 10));
    if (fleets.empty()) fleets = {10'000, 100'000, 1'000'000};
    constexpr double kHandshakesPerSecond = 5000;
    const std::vector<Policy> policies{
        {1000ms, 30'000ms, -1},    {5000ms, 60'000ms, 5},      {5000ms, 60'000ms, -1},     {30'000ms, 60'000ms, -1},
        {60'000ms, 120'000ms, -1}, {120'000ms, 300'000ms, -1}, {300'000ms, 900'000ms, -1}, {600'000ms, 900'000ms, -1},
    };
    std::printf(
        "A hub that does %.0f handshakes a second, away for 30 s. Delays in ms, times in s after it is back.\n\n",
        kHandshakesPerSecond);
    std::printf(
        "| clients | hub ended by | overloaded hub | ReconnectionDelayMs / Max | peak attempts/s | peak when back "
        "| attempts per client | t50 | t99 | t100 |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (const std::size_t clients : fleets) {
        for (const Overload overload : {Overload::sheds, Overload::queues}) {
            for (const Ending ending : {Ending::crash, Ending::restart}) {
                for (const Policy& policy : policies)
                    print_row(clients, policy, {kHandshakesPerSecond, overload}, ending);
            }
        }
    }
    return 0;
}
