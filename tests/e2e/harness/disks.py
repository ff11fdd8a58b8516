# SPDX-License-Identifier: MIT
"""Disks that a program sees and nobody else: an empty one, and one whose file system never answers. Takes root and FUSE.

As a program, `disks.py EMPTY HANGING WATCH COMMAND...`: becomes COMMAND, which sees them. The one that hangs does so until WATCH, a
named pipe, is closed by whoever writes to it.
"""

import ctypes
import os
import sys

_MS_PRIVATE, _MS_REC, _CLONE_NEWNS = 1 << 18, 1 << 14, 1 << 17


class Disks:
    def __init__(self, folder):
        self.empty, self.hanging, watch = folder / "an empty\ttab\\disk", folder / "disk", folder / "watch"
        self.empty.mkdir()
        self.hanging.mkdir()
        os.mkfifo(watch)
        self._watch = os.fdopen(os.open(watch, os.O_RDWR), "r+b", buffering=0)
        self.wrapper = [sys.executable, os.path.abspath(__file__), self.empty, self.hanging, watch]

    def close(self):
        self._watch.close()

    @staticmethod
    def are_possible():
        return os.geteuid() == 0 and os.access("/dev/fuse", os.W_OK) and os.system("unshare --mount true 2>/dev/null") == 0


def _mount(libc, source, target, kind, flags, options):
    if libc.mount(source.encode(), os.fsencode(target), kind.encode(), flags, options.encode()) != 0:
        sys.exit(f"cannot mount {target}: {os.strerror(ctypes.get_errno())}")


def _become(empty, hanging, watch, *command):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        sys.exit("cannot make a namespace of mounts")
    _mount(libc, "none", "/", "none", _MS_REC | _MS_PRIVATE, "")
    _mount(libc, "/dev/empty", empty, "tmpfs", 0, "size=1m")
    server = os.open("/dev/fuse", os.O_RDWR)
    _mount(libc, "/dev/hanging", hanging, "fuse", 0, f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other")
    if os.fork() == 0:
        if os.fork() == 0:  # holds the file system, and answers nothing
            os.setsid()
            os.closerange(0, server)
            with open(watch, "rb") as file:
                file.read()
        os._exit(0)
    os.wait()
    os.close(server)
    os.execvp(command[0], command)


if __name__ == "__main__":
    _become(*sys.argv[1:])
