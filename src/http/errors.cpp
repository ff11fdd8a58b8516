// SPDX-License-Identifier: MIT
#include "jiro/http/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::http {

const boost::system::error_category& http_category() noexcept {
    static constexpr auto kNames = enum_names<errc::resolve_failed, errc::answer_too_large>;
    static const ErrorCategory<errc::answer_too_large> category("http", kNames);
    return category;
}

}  // namespace jiro::http
