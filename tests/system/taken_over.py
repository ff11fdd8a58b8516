#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A daemon that was taken over, at the socket of the units: asks for a command of root's with the given words, and, as its own
choice, for a shell as the program. Prints what was run printed, or why it was refused."""

import json
import os
import socket
import sys

request = {
    "command": {"name": sys.argv[1], "arguments": sys.argv[2:], "parameters": [], "id": "taken-over", "session": ""},
    "argv": ["/bin/sh", "-c", "echo taken over"],
    "environment": [["LD_PRELOAD", "/tmp/x.so"]],
    "workingDirectory": "/tmp",
    "limits": {},
}
read_end, write_end = os.pipe()
with socket.socket(socket.AF_UNIX) as units:
    units.connect(os.environ.get("UNITS", "/run/jiro-command.sock"))
    socket.send_fds(units, [json.dumps(request).encode() + b"\n"], [0, write_end, write_end])
    os.close(write_end)
    said = b""
    while b'"code"' not in said and b'"problem"' not in said:
        part = units.recv(65536)
        if not part:
            break
        said += part
    for record in map(json.loads, said.splitlines()):
        print(record["problem"] if "problem" in record else "", end="")
    print(os.read(read_end, 65536).decode() if b'"code"' in said else "", end="")
