// SPDX-License-Identifier: MIT
#pragma once
// The gRPC side: takes results, confirms each at once, and hands what arrived to the loop. The moment of arrival is the
// handler's entry. Arrivals that come while the loop is busy reach it together.

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace jiro::bench {

struct Arrival {
    std::uint64_t number = 0;  // of the command, from its id
    std::int64_t at = 0;       // now_ns()
    bool is_success = false;
};

class Results {
  public:
    // `ids_begin_with`: ids of this run; what begins otherwise is counted as foreign. `on_arrival` runs on the loop.
    Results(boost::asio::io_context& context, std::string ids_begin_with,
            std::function<void(const Arrival&)> on_arrival);
    ~Results();

    [[nodiscard]] int port() const noexcept;
    [[nodiscard]] std::uint64_t foreign() const noexcept;

  private:
    struct Service;
    std::unique_ptr<Service> service_;
};

}  // namespace jiro::bench
