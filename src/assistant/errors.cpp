// SPDX-License-Identifier: MIT
#include "jiro/assistant/errors.hpp"

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro::assistant {

const boost::system::error_category& assistant_category() noexcept {
    static constexpr auto kNames = enum_names<errc::empty_text, errc::not_sessions>;
    static const ErrorCategory<errc::not_sessions> category("assistant", kNames);
    return category;
}

}  // namespace jiro::assistant
