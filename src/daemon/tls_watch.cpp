// SPDX-License-Identifier: MIT
#include "daemon/tls_watch.hpp"

#include <utility>
#include <vector>

#include "daemon/log.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/config/check_tls.hpp"

namespace jiro::daemon {

namespace {

using Problems = std::vector<config::TlsProblem>;

constexpr std::chrono::seconds kTlsCheckLimit{10};

}  // namespace

Task<> TlsWatch::run() {
    static auto& checkers = *new OutsideFunctions<Problems>("tls check", 2);
    for (;;) {
        while (!std::exchange(must_look_, false)) co_await reloaded_.wait();
        std::function<Problems()> check = [config = running_()] { return config::check_tls_files(config); };
        auto checking = checkers.run(std::move(check), clock_, kTlsCheckLimit);
        auto problems = co_await std::move(checking);
        if (!problems) problems = Problems{{{}, "the files of a Tls section cannot be read in time"}};
        for (const auto& problem : *problems)
            daemon_log.warn("A Tls section cannot be used as it is; each connection looks again",
                            {{"reason", problem.message}});
    }
}

}  // namespace jiro::daemon
