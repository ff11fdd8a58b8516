// SPDX-License-Identifier: MIT
#pragma once
// Where lines end: standard error in one of three forms, or the journal. Used by the sink's thread only.

#include <memory>
#include <string>

#include "jiro/base/log.hpp"

namespace jiro::log {

class Sink {
  public:
    virtual ~Sink() = default;
    virtual void write(const Record& record) = 0;
    // Called when no line follows at once: what was kept back to be written together goes out.
    virtual void flush() {}
};

// `Target::automatic` is resolved here, by looking at standard error.
[[nodiscard]] std::unique_ptr<Sink> make_sink(Target target);

// The journal behind that socket of journald's; standard error for what it does not take.
[[nodiscard]] std::unique_ptr<Sink> make_journal_sink(std::string socket);

// True when systemd connected file descriptor `fd` to the journal; `journal_stream` is $JOURNAL_STREAM
// ("device:inode").
[[nodiscard]] bool is_journal_stream(const char* journal_stream, int fd);

// Writes all of `text` to `fd`; gives up when the reader takes nothing for `patience_ms`. False: something was not
// written.
[[nodiscard]] bool write_within(int fd, std::string_view text, int patience_ms);

}  // namespace jiro::log
