// SPDX-License-Identifier: MIT
#pragma once
// What an HTTP answer holds, as far as it matters here. Plain data, any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jiro::signalr {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
    unsigned status = 0;
    HttpHeaders headers;
    std::string body;
};

// The first header of that name, in whatever case; nullptr: none.
[[nodiscard]] const std::string* find_header(const HttpHeaders& headers, std::string_view name);

}  // namespace jiro::signalr
