// SPDX-License-Identifier: MIT
#include "jiro/monitor/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::monitor {
namespace {

constexpr std::array kMonitorErrorTexts = std::to_array<std::string_view>({
    "not an address to listen on",
    "the socket's path is too long",
    "the address is in use",
    "cannot listen",
    "nobody answers at the status endpoint",
    "no permission to use the status socket",
    "the status endpoint did not answer in time",
    "the status endpoint's answer is too large",
    "the status endpoint's answer cannot be understood",
    "the status endpoint refused the request",
    "the status endpoint has too many connections",
    "the connection to the status endpoint broke",
    "the status endpoint is switched off",
});

}  // namespace

boost::system::error_code make_error_code(errc code) noexcept {
    static const ErrorCategory<errc::switched_off> category("jiro.monitor", kMonitorErrorTexts);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::monitor
