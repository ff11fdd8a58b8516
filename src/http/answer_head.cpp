// SPDX-License-Identifier: MIT
#include "jiro/http/answer_head.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>

#include "jiro/base/text.hpp"

namespace jiro::http {

namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::string_view kEmptyLine = "\r\n\r\n";

// The status of "HTTP/1.x NNN ..."; 0 when it is not HTTP.
unsigned status_of(std::string_view head) {
    if (!head.starts_with(kVersion) || head.size() < 12) return 0;
    return parse_number<unsigned>(head.substr(9, 3)).value_or(0);
}

}  // namespace

void AnswerHead::feed(std::string_view bytes) {
    auto from = bytes_.size() - std::min(bytes_.size(), kEmptyLine.size() - 1);
    bytes_ += bytes;
    while (size_ == 0) {
        is_http_ = kVersion.starts_with(std::string_view(bytes_).substr(0, kVersion.size()));
        const auto end = bytes_.find(kEmptyLine, from);
        if (end == std::string::npos) return;
        const auto size = end + kEmptyLine.size();
        const auto status = status_of(bytes_);
        if (is_interim(status) && interim_ < kMaxInterimAnswers) {
            ++interim_;
            bytes_.erase(0, size);
            from = 0;
        } else {
            size_ = size;
            status_ = status;
        }
    }
}

Response AnswerHead::response() const {
    Response response;
    response.status = status_;
    boost::beast::http::response_parser<boost::beast::http::empty_body> parser;
    parser.header_limit(kMaxBytes);
    parser.body_limit(boost::none);  // it is not read
    boost::system::error_code error;
    parser.put(boost::asio::buffer(bytes_.data(), size_), error);
    if (error || !parser.is_header_done()) return response;
    for (const auto& field : parser.get()) response.headers.emplace_back(field.name_string(), field.value());
    return response;
}

}  // namespace jiro::http
