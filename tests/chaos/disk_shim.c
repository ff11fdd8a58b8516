// LD_PRELOAD: what is written to the outbox's database or its log fails with the errno whose number stands in the file
// that CHAOS_DISK names; "sync N" lets writes pass and fails their flush. No file, or an empty one: nothing fails.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int wanted(int is_sync) {
    const char* path = getenv("CHAOS_DISK");
    const int control = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0) return 0;
    char text[32] = "";
    const ssize_t size = read(control, text, sizeof text - 1);
    close(control);
    if (size <= 0) return 0;
    const int only_sync = strncmp(text, "sync ", 5) == 0;
    return only_sync && !is_sync ? 0 : atoi(only_sync ? text + 5 : text);
}

static int fault_of(int descriptor, int is_sync) {
    char link[64];
    char target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t size = readlink(link, target, sizeof target - 1);
    if (size <= 0) return 0;
    target[size] = '\0';
    const char* name = strrchr(target, '/');
    if (name == NULL || (strcmp(name, "/outbox.db") != 0 && strcmp(name, "/outbox.db-wal") != 0)) return 0;
    return wanted(is_sync);
}

// SQLite looks at errno later: a call that does not fail leaves it alone.
static int fails(int descriptor, int is_sync) {
    const int before = errno;
    const int error = fault_of(descriptor, is_sync);
    errno = error != 0 ? error : before;
    return error != 0;
}

#define REAL(type, name, ...)         \
    static type (*real)(__VA_ARGS__); \
    if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, name)

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void*, size_t, off64_t);
    return fails(descriptor, 0) ? -1 : real(descriptor, data, size, at);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void*, size_t, off_t);
    return fails(descriptor, 0) ? -1 : real(descriptor, data, size, at);
}

int fsync(int descriptor) {
    REAL(int, "fsync", int);
    return fails(descriptor, 1) ? -1 : real(descriptor);
}

int fdatasync(int descriptor) {
    REAL(int, "fdatasync", int);
    return fails(descriptor, 1) ? -1 : real(descriptor);
}
