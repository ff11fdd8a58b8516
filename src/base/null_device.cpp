// SPDX-License-Identifier: MIT
#include "jiro/base/null_device.hpp"

#include <fcntl.h>

#include "jiro/base/file.hpp"

namespace jiro {

Result<FileDescriptor> open_null_device() {
    FileDescriptor device(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (device) return device;
    Error failure = system_failure("/dev/null cannot be opened");
    failure.message +=
        "; it must be a device that everybody may use: where `ls -lL /dev/null` does not say crw-rw-rw- and 1, 3, run "
        "as "
        "root `rm -f /dev/null && mknod -m 666 /dev/null c 1 3`";
    return failure;
}

}  // namespace jiro
