# SPDX-License-Identifier: MIT
"""A stand-in for journald: `unshare -rm python3 journal.py OUTPUT PROGRAM ARGUMENTS...`.

In a mount namespace of its own it puts an empty /run over the machine's, binds the journal's socket there, starts the program, and
writes what the program sends as JSON, one object of fields a line. Ends with the program, whose exit code it takes.
"""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading

SOCKET = pathlib.Path("/run/systemd/journal/socket")


def fields(datagram):
    """The journal's native protocol: NAME=text, or NAME, a 64-bit length and as many bytes."""
    found, at = {}, 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        line = datagram[at:end]
        name, equals, value = line.partition(b"=")
        at = end + 1
        if not equals:
            (size,) = struct.unpack_from("<Q", datagram, at)
            value = datagram[at + 8 : at + 8 + size]
            at += 8 + size + 1
        found[name.decode()] = value.decode("utf-8", "replace")
    return found


def main():
    output, *command = sys.argv[1:]
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    SOCKET.parent.mkdir(parents=True)
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(SOCKET))

    forwarded = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

    def receive():
        signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)  # to the other thread, whose wait they interrupt
        with open(output, "w", encoding="utf-8") as lines:
            while datagram := journal.recv(1 << 20):
                lines.write(json.dumps(fields(datagram)) + "\n")
                lines.flush()

    reader = threading.Thread(target=receive)
    reader.start()
    program = subprocess.Popen(command)
    for number in forwarded:
        signal.signal(number, lambda received, frame: program.send_signal(received))
    code = program.wait()
    goodbye = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    goodbye.sendto(b"", str(SOCKET))  # ends the reader after what was sent before
    reader.join()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
