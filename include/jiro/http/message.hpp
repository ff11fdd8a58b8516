// SPDX-License-Identifier: MIT
#pragma once
// What an HTTP answer holds, as far as it matters here. Plain data, any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jiro::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
    unsigned status = 0;
    Headers headers;
    std::string body;
};

// The first header of that name, in whatever case; nullptr: none.
[[nodiscard]] const std::string* find_header(const Headers& headers, std::string_view name);

}  // namespace jiro::http
