# SPDX-License-Identifier: MIT
"""systemd's descriptor store, without systemd: keeps what the daemon gives it, and gives it to the daemon's next process.

As a program, `descriptor_store.py SOCKET COMMAND...`: becomes COMMAND with the descriptors that the store has at SOCKET.
"""

import os
import socket
import sys
import threading

FIRST = 3  # SD_LISTEN_FDS_START


class DescriptorStore:
    def __init__(self, directory):
        self.path = str(directory / "notify")
        self._giver = str(directory / "given")
        self._lock = threading.Lock()
        self.held = {}  # by name
        self._told = self._socket(socket.SOCK_DGRAM, self.path)
        self._give = self._socket(socket.SOCK_STREAM, self._giver)
        self._give.listen(4)
        for serve in (self._keep, self._hand_out):
            threading.Thread(target=serve, daemon=True).start()
        self.wrapper = [sys.executable, os.path.abspath(__file__), self._giver]

    @staticmethod
    def _socket(kind, path):
        listening = socket.socket(socket.AF_UNIX, kind)
        listening.bind(path)
        return listening

    def _keep(self):
        while True:
            told, descriptors, _, _ = socket.recv_fds(self._told, 65536, 8)
            state = dict(line.split("=", 1) for line in told.decode().splitlines())
            with self._lock:
                if "FDSTORE" in state:
                    (self.held[state["FDNAME"]],) = descriptors
                elif "FDSTOREREMOVE" in state:
                    descriptor = self.held.pop(state["FDNAME"], None)
                    if descriptor is not None:
                        os.close(descriptor)

    def _hand_out(self):
        while True:
            taker, _ = self._give.accept()
            with taker, self._lock:
                socket.send_fds(taker, [(":".join(self.held) + "\n").encode()], list(self.held.values()))

    def names(self):
        with self._lock:
            return sorted(self.held)

    def make_older(self, by_ms):
        """As if what they belong to had been started earlier, though after the machine was: a machine that has only just come up runs this, too."""
        with self._lock:
            for name in list(self.held):
                run, key, at, part = name.split("-")
                assert int(at) > by_ms, f"this machine came up less than {by_ms} ms ago"
                self.held["-".join((run, key, str(int(at) - by_ms), part))] = self.held.pop(name)

    def close(self):
        """As at `systemctl stop`."""
        with self._lock:
            for descriptor in self.held.values():
                os.close(descriptor)
            self.held.clear()


def become(store, *command):
    with socket.socket(socket.AF_UNIX) as taker:
        taker.connect(store)
        names, descriptors, _, _ = socket.recv_fds(taker, 65536, 250)
    # Clear of the places where they are to be.
    high = [os.dup(descriptor) for descriptor in descriptors]
    while high and min(high) < FIRST + len(high):
        high = [os.dup(descriptor) for descriptor in high]
    for place, descriptor in enumerate(high, FIRST):
        os.dup2(descriptor, place, inheritable=True)
    if high:
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names.decode().strip())
    os.execvp(command[0], command)


if __name__ == "__main__":
    become(*sys.argv[1:])
