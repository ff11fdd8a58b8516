// SPDX-License-Identifier: MIT
#pragma once
// The head of an HTTP/1.1 answer behind which another protocol begins: a proxy's tunnel, a WebSocket. Given bytes as
// they come, it leaves out the interim answers (103 Early Hints and the like) and finds the head that counts; what
// follows that one stays as it came. Pure.

#include <cstddef>
#include <string>
#include <string_view>

#include "jiro/http/message.hpp"

namespace jiro::http {

class AnswerHead {
  public:
    static constexpr std::size_t kMaxBytes = 32'768;

    void feed(std::string_view bytes);

    // Nothing more is waited for: the head is whole, or there will be none that can be used.
    [[nodiscard]] bool is_settled() const noexcept { return size_ > 0 || is_too_long() || !is_http_; }
    [[nodiscard]] bool is_too_long() const noexcept { return size_ == 0 && bytes_.size() > kMaxBytes; }
    // Of the head; 0: what came is not HTTP, too long, or not whole yet.
    [[nodiscard]] unsigned status() const noexcept { return status_; }
    // The head's status and headers; of one that is not well formed the status alone.
    [[nodiscard]] Response response() const;
    // All that came, from the head that counts on.
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  private:
    std::string bytes_;
    std::size_t size_ = 0;  // of the head with its empty line, once it is there
    unsigned status_ = 0;
    int interim_ = 0;  // heads left out
    bool is_http_ = true;
};

}  // namespace jiro::http
