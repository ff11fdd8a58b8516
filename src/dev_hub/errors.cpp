// SPDX-License-Identifier: MIT
#include "dev_hub/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::dev_hub {
namespace {

constexpr std::array kDevHubErrorTexts = std::to_array<std::string_view>({
    "not a record of the hub protocol",
    "record over the size limit",
    "handshake refused",
    "no handshake in time",
    "connection closed",
    "option can't be used",
    "can't listen",
    "TLS files can't be used",
    "control request failed",
    "misbehaviour not understood",
    "not a ClientMessage",
});

}  // namespace

boost::system::error_code make_error_code(errc code) noexcept {
    static const ErrorCategory<errc::bad_result> category("dev_hub", kDevHubErrorTexts);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::dev_hub
