// SPDX-License-Identifier: MIT
#pragma once
// Server-sent events (HTML standard, 9.2) as they come: bytes in, cut anywhere, whole events out. llama.cpp's own field
// `error` is the data of an event of that type. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace jiro::assistant {

struct StreamEvent {
    std::string type{};  // empty: none was given, which is "message"
    std::string data{};  // its lines joined by \n

    friend bool operator==(const StreamEvent&, const StreamEvent&) = default;
};

// Some servers begin a text with one (U+FEFF), which is no part of it.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text) noexcept;

class EventStream {
  public:
    explicit EventStream(std::size_t max_event_bytes) : limit_(max_event_bytes) {}

    void feed(std::string_view bytes);
    // nullopt: more bytes are needed.
    [[nodiscard]] std::optional<StreamEvent> next();
    // The stream has ended: what stands there without an empty line behind it, as some servers leave it, is an event.
    void end() { feed("\n\n"); }
    // A line or an event is longer than the limit; nothing comes out any more.
    [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }

  private:
    [[nodiscard]] std::optional<std::string_view> take_line();
    void take_field(std::string_view line);

    std::size_t limit_;
    std::string buffer_;
    std::size_t begin_ = 0;    // of what is not read yet
    std::size_t scanned_ = 0;  // until there no line ends: small pieces of a long line are looked at once
    StreamEvent event_;        // the one that is being read
    bool has_data_ = false;
    bool is_first_ = true;
    bool skips_newline_ = false;  // the \n of a \r\n whose \r ended a line already
    bool overflowed_ = false;
};

}  // namespace jiro::assistant
