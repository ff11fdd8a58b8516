// SPDX-License-Identifier: MIT
#pragma once
// Cuts the byte stream of the WebSocket into hub records, which end with 0x1E (HubProtocol, section "Encoding").
// Records and WebSocket messages need not coincide: one may hold many of the other, either way. Each byte is looked at
// once, and a record that lies whole within a chunk is not copied. Pure; called by the read loop and fuzzed.
//
//     splitter.feed(chunk);                     // the chunk stays alive until next() gave nullopt
//     while (auto record = splitter.next()) ...
//     if (splitter.overflowed()) ...            // message_too_big: the stream cannot be continued

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace jiro::signalr {

inline constexpr char kRecordSeparator = '\x1e';

class RecordSplitter {
  public:
    explicit RecordSplitter(std::size_t max_record_bytes) : max_record_bytes_(max_record_bytes) {}

    void feed(std::string_view chunk);

    // The next record without its separator, valid until the next call of next() or feed(). nullopt: more bytes are
    // needed, or a record is longer than the limit.
    [[nodiscard]] std::optional<std::string_view> next();

    [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
    // True in the middle of a record: the stream must not end here.
    [[nodiscard]] bool has_partial() const noexcept { return !joined_.empty() && !joined_was_given_; }

  private:
    std::size_t max_record_bytes_;
    std::string_view chunk_;         // what next() has not looked at
    std::string joined_;             // the record that began in an earlier chunk
    bool joined_was_given_ = false;  // next() gave joined_ out; it is cleared by the next call
    bool overflowed_ = false;
};

}  // namespace jiro::signalr
