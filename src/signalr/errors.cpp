// SPDX-License-Identifier: MIT
#include "jiro/signalr/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::signalr {

boost::system::error_code make_error_code(errc code) noexcept {
    static constexpr auto kNames = enum_names<errc::not_configured, errc::internal>;
    static const ErrorCategory<errc::internal> category("signalr", kNames);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::signalr
