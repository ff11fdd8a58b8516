# SPDX-License-Identifier: MIT
"""The socket on which a service tells systemd how it is."""

import socket
import threading
import time


class NotifySocket:
    """systemd's end: keeps what it was told, with the time."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            self.told.append((time.monotonic(), self.socket.recv(65536).decode()))

    def feeds(self, since=0.0):
        return [at for at, text in list(self.told) if text == "WATCHDOG=1" and at >= since]
