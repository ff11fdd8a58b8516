// SPDX-License-Identifier: MIT
#include "jiro/http/message.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"

namespace jiro::http {

const std::string* find_header(const Headers& headers, std::string_view name) {
    const auto found =
        std::ranges::find_if(headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
    return found == headers.end() ? nullptr : &found->second;
}

}  // namespace jiro::http
