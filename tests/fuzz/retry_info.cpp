// SPDX-License-Identifier: MIT
// The details of a gRPC status are bytes from a server: a wait that is no wait in the past, or none.
#include "delivery/retry_info.hpp"

#include "check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto wait = jiro::delivery::retry_info(jiro::fuzz::text_of(data, size));
    jiro::fuzz::check(!wait || (wait->get().count() >= 0 && *wait <= jiro::BoundedDuration::kMost),
                      "a wait is between nothing and an hour");
    return 0;
}
