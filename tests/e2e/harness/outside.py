# SPDX-License-Identifier: MIT
"""Things outside of the daemon that hang, made without the rights that real ones need, and a watch that it goes on meanwhile."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time

from .waiting import seconds, wait_until

_F_SETSIG = 10


@contextlib.contextmanager
def slow_to_start(path):
    """While it lasts, execve of the file waits: the kernel asks who has a write lease on it to give it up. A mount that hangs
    and a scanner do likewise."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)  # ignored by default
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(descriptor)


class Promptness:
    """Asks /healthz again and again while something hangs. 100 ms are the promise; a busy machine may miss it now and then, but
    an event loop that waits for what hangs misses it by far."""

    PROMISE, NEVER = 0.1, 1.0

    def __init__(self, client):
        self._client, self.times = client, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.02):
            started = time.monotonic()
            try:
                self._client.get("/healthz", timeout=30)
            except OSError as error:
                self.times.append(error)
                return
            self.times.append(time.monotonic() - started)

    def check(self, test, at_least=20):
        wait_until(lambda: len(self.times) >= at_least or not self._thread.is_alive(), "it answers /healthz", 60)
        self._stop.set()
        self._thread.join(seconds(60))
        errors = [value for value in self.times if isinstance(value, OSError)]
        test.assertEqual(errors, [])
        times = sorted(self.times)
        test.assertLess(times[int((len(times) - 1) * 0.9)], seconds(self.PROMISE), times[-10:])
        test.assertLess(times[-1], seconds(self.NEVER), times[-10:])


class SilentNameServers:
    """Name servers that answer nothing. `wrapper` starts a program that asks only them (a mount namespace of its own, which
    takes root)."""

    def __init__(self, folder, count):
        self.sockets, lines = [], ["search one.test two.test three.test"]
        for number in range(count):
            # Port 53 is the only one there is: each process has addresses of its own.
            address = f"127.{53 + (os.getpid() >> 8) % 64}.{os.getpid() % 256}.{number + 1}"
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sockets.append(server)
            server.bind((address, 53))
            lines.append(f"nameserver {address}")
        file = folder / "resolv.conf"
        file.write_text("\n".join(lines) + "\n")
        script = f'mount --bind "{file}" /etc/resolv.conf && exec "$@"'
        self.wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"]

    def close(self):
        for server in self.sockets:
            server.close()

    @staticmethod
    def are_possible():
        if os.geteuid() != 0:
            return False
        try:
            probe = subprocess.run(["unshare", "--mount", "mount", "--bind", "/dev/null", "/etc/resolv.conf"], check=False,
                                   capture_output=True)
        except FileNotFoundError:
            return False
        return probe.returncode == 0
