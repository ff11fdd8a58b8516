# SPDX-License-Identifier: MIT
"""What comes in is bounded in bytes: at most 150 MB are resident, whatever the hub sends and whatever lies in the outbox.

Where the machine lets us make one, the daemon runs in a control group with the unit's MemoryMax.
"""

import functools
import hashlib
import json
import os
import pathlib
import re
import sqlite3
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.hub_server import command_message, http_response
from harness.programs import sanitizers

MEGABYTE = 1_000_000
TARGET = 150 * MEGABYTE
UNIT_LIMIT = 512 * 1024 * 1024  # MemoryMax= of systemd/jiro-client.service


class MemoryGroup:
    """A control group for one process; none where the machine does not let us make it."""

    ROOTS = [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")]

    def __init__(self, process):
        self.path = None
        for root, limit in self.ROOTS:
            path = pathlib.Path(root) / f"jiro-test-{os.getpid()}-{process}"
            try:
                path.mkdir()
            except OSError:
                continue
            if (path / limit).exists():
                (path / limit).write_text(str(UNIT_LIMIT))
                (path / "cgroup.procs").write_text(str(process))
                self.path = path
                return
            path.rmdir()

    def remove(self):
        """When the process has ended, which may take the kernel a moment longer than us."""

        def is_gone():
            try:
                self.path.rmdir()
            except OSError:
                return False
            return True

        if self.path:
            wait_until(is_gone, f"{self.path} is empty", 10)


@functools.cache
def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


def crc32c(data, seed=0):
    table = crc32c_table()
    crc = seed ^ 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class CommonTail:
    """CRC-32C of many texts with one long end, which is looked at once for each bit of the state before it."""

    def __init__(self, tail):
        self.of_zero = crc32c(tail)
        self.of_bits = [crc32c(tail, 1 << bit) ^ self.of_zero for bit in range(32)]

    def after(self, seed):
        crc = self.of_zero
        for bit in range(32):
            if seed >> bit & 1:
                crc ^= self.of_bits[bit]
        return crc


def fingerprint(command, parameters):
    """Of everything that makes two commands the same."""
    fields = ["", command, *(text for name in sorted(parameters) for text in (name, parameters[name]))]
    return hashlib.sha256("".join(f"{len(field)}:{field}" for field in fields).encode()).digest()


class MemoryTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.gate = self.directory / "gate"
        os.mkfifo(self.gate)

    def start_daemon(self, **config):
        """One command runs at a time, and `hold` ends when the gate is opened. Also for a restart."""
        if self.client is None:
            hold = {"Program": ["/bin/cat", str(self.gate)]}
            commands = {"MaxConcurrent": 1, "TimeoutMs": 600000, "Exec": {"hold": hold}}
            self.start_client(config={"Commands": commands, **config}, start=False)
        self.client.write_config(**config)
        self.client.start()
        group = MemoryGroup(self.client.pid)
        self.addCleanup(group.remove)
        self.addCleanup(self.client.kill)  # before that
        return self.client

    def assert_small(self):
        if sanitizers():
            return
        status = pathlib.Path(f"/proc/{self.client.pid}/status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024
        print(f"at most {peak // MEGABYTE} MB were resident ...", end=" ", flush=True)
        self.assertLess(peak, TARGET)

    def fill_outbox(self, count, waited=0):
        """As a build without a limit left it: `hold`, and behind it commands of 1 MB that wait."""
        self.start_daemon().wait_status(lambda status: True, "it has made its outbox")
        self.client.stop()
        data = {"data": "x" * MEGABYTE}
        head, tail = json.dumps(command_message("echo ok", "?", sessionId="s", parameters=data)).split("?")
        tail_sum = CommonTail(tail.encode())
        content = fingerprint("echo ok", data)
        rows = []
        with sqlite3.connect(self.client.outbox) as database:
            for number in range(count + 1):
                sync_id = f"big-{number}" if number else "hold"
                begin = sync_id.encode() + content
                if number:
                    payload = (head + sync_id + tail).encode()
                    receipt_sum = tail_sum.after(crc32c(begin + (head + sync_id).encode()))
                else:
                    payload = json.dumps(command_message("hold", sync_id)).encode()
                    receipt_sum = crc32c(begin + payload)
                database.execute(
                    "INSERT INTO commands (id, state, fingerprint, received_at, run_before, idempotent, receipt_sum, payload)"
                    " VALUES (?, 'received', ?, ?, ?, 0, ?, ?)",
                    (sync_id, content, int((time.time() - waited) * 1000), int((time.time() + 3600) * 1000), receipt_sum, payload))
                rows.append(sync_id)
        database.close()
        return rows[1:]

    def test_a_restart_on_a_full_outbox(self):  # slow: 250 MB are written, read and delivered
        self.start_hub()
        self.start_grpc()
        count = int(os.environ.get("JIRO_TEST_WAITING", "250"))
        ids = self.fill_outbox(count)
        began = time.monotonic()
        self.start_daemon()
        link = self.connection()
        self.client.wait_status(lambda s: s["activeCommandIds"] == ["hold"], "it runs", 30)
        print(f"serves after {time.monotonic() - began:.1f} s ...", end=" ", flush=True)
        self.assert_small()
        # What waits in the outbox is known, and older than what comes now.
        link.command("echo ok", ids[-1], parameters={"data": "x" * MEGABYTE})
        self.client.wait_log("already in the journal; the repetition is ignored")
        link.command("echo ok", "new")
        self.assertIn("busy", self.result("new").response)

        self.gate.write_text("")
        wait_until(lambda: len(self.grpc.accepted) == count + 2, "each has its outcome", 200,
                   context=lambda: f"{len(self.grpc.accepted)} of {count}\n{self.client.tail()}")
        for sync_id in ids:
            self.assertTrue(self.grpc.accepted[sync_id].is_success)
        ended = [re.search(r"command_sync_id=(big-\d+)", line) for line in self.client.logged("Command ended")]
        self.assertEqual([found.group(1) for found in ended if found], ids)
        self.assert_small()
        self.assert_serves(link)

    def test_a_restart_on_an_outbox_full_of_what_waited_too_long(self):  # slow: as above
        self.start_hub()
        self.start_grpc()
        ids = self.fill_outbox(250, waited=3600)
        self.start_daemon()
        wait_until(lambda: len(self.grpc.accepted) == len(ids) + 1, "each has its outcome", 200,
                   context=lambda: f"{len(self.grpc.accepted)} of {len(ids)}\n{self.client.tail()}")
        for sync_id in ids:
            self.assertIn("timed out", self.grpc.accepted[sync_id].response)
        self.assert_small()
        self.assert_serves()

    def test_a_flood_of_big_commands_and_a_restart(self):  # slow: 2,000 MB are sent
        self.start_hub()
        self.start_grpc()
        self.start_daemon()
        link = self.connection()
        link.command("hold", "hold")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        count = int(os.environ.get("JIRO_TEST_FLOOD", "2000"))
        sent = [f"big-{number}" for number in range(count)]
        for sync_id in sent:
            link.command("echo ok", sync_id, parameters={"data": "x" * MEGABYTE})
        wait_until(lambda: len(self.grpc.accepted) == count - 33, "those beyond 32 MiB are refused", 200,
                   context=lambda: f"{len(self.grpc.accepted)} of {count}\n{self.client.tail()}")
        self.assert_small()
        self.client.kill()
        self.start_daemon()
        wait_until(lambda: len(self.grpc.accepted) == count + 1, "each has its outcome", 60,
                   context=lambda: f"{len(self.grpc.accepted)} of {count}\n{self.client.tail()}")
        self.assertEqual(sum(self.grpc.accepted[sync_id].is_success for sync_id in sent), 33)
        self.assertIn("interrupted", self.grpc.accepted["hold"].response)
        self.assert_small()
        self.assert_serves()

    def test_a_hub_that_never_acknowledges(self):  # slow: 500 MB of answers
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(useStatefulReconnect=True))
        self.start_daemon(WebSocket={"StatefulReconnect": True})
        invocation = "i" * 16_000
        answers = 0
        while answers < 30_000:
            link = self.connection()
            try:
                for _ in range(1_000):
                    link.invoke({}, "no-such-target", invocation)
                    answers += 1
            except OSError:
                answers += 1  # the connection was ended
        self.client.wait_reason("acknowledge")
        self.assert_small()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body())
        self.assertTrue(self.client.is_running())

    def test_a_server_that_takes_no_result(self):  # slow: 250 MB of results wait
        self.start_hub()
        self.start_daemon(Grpc={"ServerUrl": "http://127.0.0.1:9"})
        link = self.connection()
        for number in range(250):
            link.command("echo ok", f"big-{number}", parameters={"data": "x" * MEGABYTE})
        self.client.wait_status(lambda s: s["outbox"]["pending"] >= 240 and s["queuedCommands"] == 0, "all have ended", 120)
        self.assert_small()
        self.client.kill()
        self.start_daemon(Grpc={"ServerUrl": self.start_grpc().url})
        wait_until(lambda: len(self.grpc.accepted) >= 240, "the results are delivered", 120, context=self.client.tail)
        self.assert_small()
        self.assert_serves()


if __name__ == "__main__":
    unittest.main()
