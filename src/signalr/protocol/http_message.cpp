// SPDX-License-Identifier: MIT
#include "signalr/protocol/http_message.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"

namespace jiro::signalr {

const std::string* find_header(const HttpHeaders& headers, std::string_view name) {
    const auto found =
        std::ranges::find_if(headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
    return found == headers.end() ? nullptr : &found->second;
}

}  // namespace jiro::signalr
