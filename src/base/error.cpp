// SPDX-License-Identifier: MIT
#include "jiro/base/error.hpp"

#include <boost/system/system_error.hpp>

namespace jiro {

Error Error::with_prefix(std::string_view prefix) const& {
    std::string text;
    text.reserve(prefix.size() + 2 + message.size());
    text.append(prefix).append(": ").append(message);
    return Error(code, std::move(text), where);
}

std::string what_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown exception";
    }
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw boost::system::system_error(error.code, error.message);
}

}  // namespace jiro
