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

const boost::system::error_category& category() noexcept {
    static const ErrorCategory<errc::bad_result> instance("dev_hub", kDevHubErrorTexts);
    return instance;
}

}  // namespace jiro::dev_hub
