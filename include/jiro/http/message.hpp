// SPDX-License-Identifier: MIT
#pragma once
// What an HTTP answer holds, as far as it matters here. Plain data, any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/text.hpp"

namespace jiro::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
    unsigned status = 0;
    Headers headers;
    std::string body;
};

// Of the 1xx class, another answer to the same request follows (RFC 9110, 15.2); 101 is the last of its kind.
[[nodiscard]] constexpr bool is_interim(unsigned status) { return status >= 100 && status < 200 && status != 101; }
// So many are passed over, ahead of the answer that counts; then the next one counts, whatever it is.
inline constexpr int kMaxInterimAnswers = 16;

// The first header of that name, in whatever case; nullptr: none.
[[nodiscard]] inline const std::string* find_header(const Headers& headers, std::string_view name) {
    return find_ignoring_case(headers, name);
}

}  // namespace jiro::http
