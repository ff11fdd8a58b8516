// SPDX-License-Identifier: MIT
#include "jiro/signalr/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::signalr {

namespace {

constexpr auto kNames = enum_names<errc::not_configured, errc::internal>;

}  // namespace

const boost::system::error_category& signalr_category() noexcept {
    static const ErrorCategory<errc::internal> category("signalr", kNames);
    return category;
}

std::string_view name_of(errc code) noexcept { return kNames[static_cast<std::size_t>(code) - 1]; }

}  // namespace jiro::signalr
