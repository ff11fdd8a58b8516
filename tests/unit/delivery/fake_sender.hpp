// SPDX-License-Identifier: MIT
#pragma once
// A server in a function: each call is recorded and answered by `answer`, after `latency` on the test's clock.

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/delivery/result_sender.hpp"

namespace jiro::delivery {

class FakeSender final : public ResultSender {
  public:
    struct Sent {
        std::string id;
        int attempt;
        TimePoint at;
        std::string bytes;
        TraceContext trace;
    };

    explicit FakeSender(Clock& clock) : clock_(clock) {}

    Task<SendResult> send(const Bytes& message, const std::string& id, int attempt,
                          const TraceContext& trace) override {
        sent.push_back({id, attempt, clock_.now(), *message, trace});
        most_in_flight = std::max(most_in_flight, ++in_flight);
        struct Leave {
            int& count;
            ~Leave() { --count; }
        };
        const Leave leave{in_flight};
        if (latency > Duration::zero()) co_await wait();
        SendResult result = answer(id, attempt);
        if (result.confirmed()) confirmed[id].push_back(*message);
        co_return result;
    }

    void reset() override { ++resets; }
    void watch() override { ++watches; }
    void cancel_calls() override { ++cancellations; }

    [[nodiscard]] std::vector<std::string> ids() const {
        std::vector<std::string> all;
        for (const auto& one : sent) all.push_back(one.id);
        return all;
    }

    static SendResult ok() { return {StatusCode::ok, true, {}, {}}; }
    static SendResult status(StatusCode code, std::string message = {}) {
        return {code, false, std::move(message), {}};
    }

    std::function<SendResult(const std::string& id, int attempt)> answer = [](const std::string&, int) { return ok(); };
    Duration latency{};
    bool answers_when_cancelled = false;
    std::vector<Sent> sent;
    std::map<std::string, std::vector<std::string>> confirmed;
    int in_flight = 0;
    int most_in_flight = 0;
    int resets = 0;
    int cancellations = 0;
    int watches = 0;

  private:
    Task<> wait() {
        try {
            co_await clock_.sleep_for(latency);
        } catch (...) {
            if (!answers_when_cancelled) throw;
        }
    }

    Clock& clock_;
};

}  // namespace jiro::delivery
