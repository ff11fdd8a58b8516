// SPDX-License-Identifier: MIT
#include "jiro/signalr/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::signalr {

const boost::system::error_category& signalr_category() noexcept {
    static constexpr auto kNames = enum_names<errc::not_configured, errc::internal>;
    static const ErrorCategory<errc::internal> category("signalr", kNames);
    return category;
}

}  // namespace jiro::signalr
