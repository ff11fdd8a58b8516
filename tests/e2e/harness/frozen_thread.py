# SPDX-License-Identifier: MIT
"""Stops one thread of a process, as a disk that does not answer would; the others run on. Needs the right to trace it."""

import contextlib
import ctypes
import os
import pathlib

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
WALL = 0x40000000  # a thread that is no child of ours is waited for, too

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def thread_of(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise LookupError(f"process {pid} has no thread {name}")


@contextlib.contextmanager
def frozen(thread):
    """Both ends in the same thread of ours: a tracer is a thread."""
    _ptrace(PTRACE_ATTACH, thread)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        _ptrace(PTRACE_DETACH, thread)
