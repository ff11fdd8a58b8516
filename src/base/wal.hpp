// SPDX-License-Identifier: MIT
#pragma once
// SQLite's write-ahead log, read with more patience than SQLite has. A frame is a page, and whether a transaction ends
// with it; its sum goes over it and all that is before it. SQLite ends where a sum does not fit, takes that for the end
// of what a power cut left, and writes over the rest. Here that end is told from damage:
//
//   one byte is wrong    of a frame or of the header: the sums say which, and what it was. Nothing is lost. (Of the
//                        highest byte of a word they may not say it: the page is taken as it is, unless it is written
//                        again behind it.)
//   more is wrong        but two whole transactions stand behind it, and each commit was flushed: the first was there
//                        when the second was begun, so what is before it was there, too. (Where commits are not
//                        flushed, a power cut leaves the same.) A frame whose header still is this log's is taken as it
//                        is, others are left out: whoever keeps the database looks what is wrong with it now.
//   anything else        was never whole, was rolled back, or is of an earlier round of the log: SQLite is right.
//
// What is read is anybody's bytes. One frame at a time is in memory.

#include <cstdint>

#include "jiro/base/database_file.hpp"

namespace jiro {

struct WalVerdict {
    std::uint64_t frames = 0;   // up to the end of the last transaction, from the first
    std::uint64_t dropped = 0;  // of these, at the end: SQLite would not read them
    bool is_exact = true;       // all of them are as they were written, or can be made so
};

// `page_size` is for a log whose header says none.
[[nodiscard]] WalVerdict judge_wal(int wal, std::uint32_t page_size, Flushed flushed);

// The same log with sums that fit, into an empty file. False: errno says why not.
[[nodiscard]] bool write_mended_wal(int wal, std::uint32_t page_size, const WalVerdict& verdict, int mended);

}  // namespace jiro
