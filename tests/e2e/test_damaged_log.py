# SPDX-License-Identifier: MIT
"""A bit of the database's log is wrong when the daemon starts after kill -9: SQLite would drop what stands behind it."""

import os
import shutil
import struct
import unittest

from harness.case import DaemonTest, wait_until
from harness.endpoint import Endpoint
from harness.grpc_server import Reply


def frames_of(log):
    """Where the frames of the log's last round begin."""
    page_size = struct.unpack(">I", log[8:12])[0]
    return [at for at in range(32, len(log) - 24, 24 + page_size) if log[at + 8 : at + 16] == log[16:24]]


def flip_a_bit(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


class DamagedLogTest(DaemonTest):
    durability = "process"
    COMMANDS = [f"r{i}" for i in range(30)]

    def config(self, folder):
        program = f"echo run >> {self.runs}; head -c 3000 /dev/urandom | base64"
        return {"Outbox": {"Path": str(folder / "outbox.db"), "Durability": self.durability}, "Commands": {"RunAs": "daemon", "Exec": {"e": {"Program": program, "Shell": True}}}}

    def leave_results(self):
        """Commands that were done and not delivered when the daemon was killed."""
        self.runs = self.directory / "runs"
        self.away = True
        self.start_hub()
        self.start_grpc(lambda message, attempt: Reply.status("UNAVAILABLE") if self.away else Reply.ok())
        folder = self.directory / "left"
        os.mkdir(folder, 0o700)
        self.start_client(config=self.config(folder), name="left", redo_log=False)
        link = self.connection()
        for sync_id in self.COMMANDS:
            link.command("e", sync_id)
        self.client.wait_status(lambda status: status["outbox"]["pending"] == len(self.COMMANDS), "all are done")
        self.client.kill()
        self.away = False
        return folder

    def start_with(self, left, name, bit):
        folder = self.directory / name
        shutil.copytree(left, folder)
        os.chmod(folder, 0o700)
        flip_a_bit(folder / "outbox.db-wal", bit)
        self.grpc.accepted.clear()
        connections = len([link for link in self.hub.connections if link.is_ready])
        self.start_client(config=self.config(folder), name=name, redo_log=False)
        return folder, self.hub.connection(connections + 1)

    def test_no_result_is_lost_and_no_command_runs_twice(self):
        left = self.leave_results()
        frames = frames_of((left / "outbox.db-wal").read_bytes())
        self.assertGreater(len(frames), 20)
        in_page = {f"at{percent}": frames[len(frames) * percent // 100] + 24 + 100 for percent in (10, 50, 90)}
        for news, (name, bit) in enumerate({**in_page, "header": 17, "last": frames[-1] + 24 + 100}.items(), start=1):
            with self.subTest(name):
                folder, link = self.start_with(left, name, bit)
                wait_until(lambda: set(self.COMMANDS) <= set(self.grpc.accepted), "all are delivered", context=self.client.tail)
                self.assertEqual([self.grpc.accepted[sync_id].response for sync_id in self.COMMANDS if not self.grpc.accepted[sync_id].is_success], [])
                for sync_id in self.COMMANDS:  # the hub repeats what it has no answer for
                    link.command("e", sync_id)
                link.command("e", "new-" + name)
                self.result("new-" + name)
                self.assertEqual(self.runs.read_text().count("run"), len(self.COMMANDS) + news)
                kept = [file.name for file in folder.glob("outbox.db.corrupt-*")]
                self.assertEqual(len(kept), 1)
                told = [reason for reason in self.client.status()["degraded"] if "its log was damaged: it is mended, and nothing is lost" in reason]
                self.assertEqual(len(told), 1, self.client.status()["degraded"])
                self.assertIn(kept[0], told[0])
                self.assertTrue([line for line in self.client.log.lines if line.startswith("<3>") and "its log was damaged" in line])
                self.client.kill()

    def test_a_block_that_is_gone_is_told(self):
        self.durability = "power"  # without it a power cut leaves the same
        left = self.leave_results()
        log = bytearray((left / "outbox.db-wal").read_bytes())
        at = frames_of(log)[len(frames_of(log)) // 2] // 4096 * 4096
        log[at : at + 4096] = bytes(4096)
        log[17] ^= 1  # start_with flips it back
        (left / "outbox.db-wal").write_bytes(log)
        folder, _ = self.start_with(left, "block", 17)
        wait_until(lambda: len(set(self.COMMANDS) & set(self.grpc.accepted)) > 20, "what is behind it is delivered", context=self.client.tail)
        self.assertTrue([line for line in self.client.log.lines if line.startswith("<3>") and "more than could be mended" in line and "may run a second time" in line])
        self.assertTrue([reason for reason in self.client.status()["degraded"] if "damaged" in reason])
        self.assertTrue(list(folder.glob("outbox.db.corrupt-*-wal")))

    def test_the_conversations_log(self):
        self.start_hub()
        self.start_grpc()
        endpoint = Endpoint()
        self.addCleanup(endpoint.stop)
        self.start_client(config={"Chat": {"Model": "m", "Endpoint": endpoint.url, "ApiKey": "canary-chat-key"}})
        link = self.connection()
        for i in range(8):
            link.command(f"chat question {i}", f"c{i}", sessionId="s1")
            self.result(f"c{i}")
        self.client.kill()
        log = self.directory / "state" / "sessions.db-wal"
        frames = frames_of(log.read_bytes())
        flip_a_bit(log, frames[len(frames) // 2] + 24 + 100)
        self.client.start()
        link = self.hub.connection(2)
        link.command("chat last", "last", sessionId="s1")
        self.result("last")
        self.assertEqual(len([message for message in endpoint.requests[-1][1]["messages"] if message["role"] != "system"]), 17)
        self.assertIn("its log was damaged: it is mended", self.client.status()["chat"]["storageProblem"])


if __name__ == "__main__":
    unittest.main()
