// SPDX-License-Identifier: MIT
#include "support/disk_faults.hpp"

#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace jiro::test {

namespace {

std::atomic<int> write_fault{0};
std::atomic<int> sync_fault{0};
std::atomic<int> next_syncs_fault{0};
std::atomic<int> next_syncs{0};

bool fails(const std::atomic<int>& fault) {
    const int number = fault.load();
    if (number != 0) errno = number;
    return number != 0;
}

bool sync_fails() { return next_syncs > 0 && next_syncs-- > 0 ? fails(next_syncs_fault) : fails(sync_fault); }

ssize_t faulty_write(int file, const void* bytes, size_t size) {
    return fails(write_fault) ? -1 : ::write(file, bytes, size);
}

ssize_t faulty_pwrite(int file, const void* bytes, size_t size, off_t offset) {
    return fails(write_fault) ? -1 : ::pwrite(file, bytes, size, offset);
}

// SQLite has a table of the calls that it makes; which of the three it uses was decided when it was built.
void set_calls(bool are_faulty) {
    sqlite3_vfs* system = sqlite3_vfs_find("unix");
    const auto set = [&](const char* name, auto* function) {
        system->xSetSystemCall(system, name, are_faulty ? reinterpret_cast<sqlite3_syscall_ptr>(function) : nullptr);
    };
    set("write", faulty_write);
    set("pwrite", faulty_pwrite);
    set("pwrite64", faulty_pwrite);
}

}  // namespace

DiskFaults::DiskFaults() {
    sqlite3_initialize();
    set_calls(true);
}

DiskFaults::~DiskFaults() {
    write_fault = 0;
    sync_fault = 0;
    next_syncs = 0;
    set_calls(false);
}

void DiskFaults::fail_writes(int number) { write_fault = number; }
void DiskFaults::fail_syncs(int number) { sync_fault = number; }
void DiskFaults::fail_next_syncs(int number, int count) {
    next_syncs_fault = number;
    next_syncs = count;
}
bool DiskFaults::awaits_sync() const { return next_syncs > 0; }

}  // namespace jiro::test

// Instead of libc's: SQLite's table does not have them.
extern "C" int fsync(int file) { return jiro::test::sync_fails() ? -1 : static_cast<int>(syscall(SYS_fsync, file)); }
extern "C" int fdatasync(int file) {
    return jiro::test::sync_fails() ? -1 : static_cast<int>(syscall(SYS_fdatasync, file));
}
