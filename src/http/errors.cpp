// SPDX-License-Identifier: MIT
#include "jiro/http/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::http {

boost::system::error_code make_error_code(errc code) noexcept {
    static constexpr auto kNames = enum_names<errc::resolve_failed, errc::answer_too_large>;
    static const ErrorCategory<errc::answer_too_large> category("http", kNames);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::http
