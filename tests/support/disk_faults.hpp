// SPDX-License-Identifier: MIT
#pragma once
// A disk that fails as a test tells it: what SQLite writes in this process, and every fsync. One at a time; well again
// at its end.

namespace jiro::test {

class DiskFaults {
  public:
    DiskFaults();
    ~DiskFaults();
    DiskFaults(const DiskFaults&) = delete;
    DiskFaults& operator=(const DiskFaults&) = delete;

    // With this errno; 0: no more.
    void fail_writes(int number);
    void fail_syncs(int number);
    // Only so many more: what was written is there, and reported as failed.
    void fail_next_syncs(int number, int count);
    [[nodiscard]] bool awaits_sync() const;  // not all of these have come yet
};

}  // namespace jiro::test
