# SPDX-License-Identifier: MIT
"""The upgrade from the first release, 0.1.0, whose own program JIRO_FIRST_RELEASE names (scripts/first-release makes it)."""

import os
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply

FIRST = os.environ.get("JIRO_FIRST_RELEASE")
COMMANDS = {
    "MaxConcurrent": 1,
    "Exec": {"work": {"Program": ["/bin/sh", "-c", "sleep 2; echo worked"]}, "long": {"Program": ["/bin/sleep", "60"]}},
}
WAITING = ("waits-0", "waits-1", "waits-2")


@unittest.skipUnless(FIRST, "JIRO_FIRST_RELEASE is not set")
class FirstReleaseTest(DaemonTest):
    def start_first(self, running):
        """0.1.0 with a delivered result, an undelivered one, a command that runs and three that wait."""
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"Commands": COMMANDS}, start=False)
        self.client.start(FIRST)
        link = self.connection()
        self.assertEqual(self.client.status()["version"], "0.1.0")
        link.command("echo before", "before")
        self.result("before")
        self.client.wait_status(lambda status: status["delivery"]["delivered"] == 1, "it is delivered")
        self.grpc.behaviour = lambda message, nth: Reply.status("UNAVAILABLE", "away")
        link.command("echo kept", "kept")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 1, "one is undelivered")
        link.command(running, "runs")
        for name in WAITING:
            link.command(f"echo {name}", name)
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1 and status["queuedCommands"] == 3, "one runs, three wait")

    def take_over(self):
        self.grpc.behaviour = lambda message, nth: Reply.ok()
        self.client.start()
        link = self.connection(2)
        self.assertNotEqual(self.client.status()["version"], "0.1.0")
        self.assertEqual(self.result("kept").response, "kept")
        for name in WAITING:
            self.assertEqual(self.result(name).response, name)
        # Known: its outcome is sent again, nothing runs. 0.1.0's rows cannot tell whether it is another command.
        again = "Command ended before; its outcome is sent again.*command_sync_id=before"
        for times, text in enumerate(("echo before", "echo another"), 1):
            link.command(text, "before")
            wait_until(lambda: len(self.client.logged(again)) == times, "it is known", context=self.client.tail)
        link.command("echo after", "after")
        self.assertEqual(self.result("after").response, "after")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 0, "nothing is left")
        for sync_id, hashes in self.grpc.hashes.items():
            self.assertEqual(len(hashes), 1, f"two outcomes of {sync_id}")
        self.assertEqual(self.client.status()["outbox"]["deadLetters"], 0)
        return link

    def test_stopped_with_commands_running(self):
        """As an upgrade of the package does it: what runs ends, what waits is run by the new one."""
        self.start_first("work")
        self.assertEqual(self.client.stop(30), 0)
        self.take_over()
        self.assertEqual(self.result("runs").response, "worked\n")

    def test_killed_with_commands_running(self):
        """kill -9: the new one finds the old one's database and redo log."""
        self.start_first("long")
        self.client.kill()
        self.take_over()
        self.assertIn("interrupted", self.result("runs").response)

    def test_there_is_no_way_back(self):
        """An older version says by name that it does not know this outbox, and leaves it as it is."""
        self.start_first("work")
        self.client.stop(30)
        self.take_over()
        self.assertEqual(self.client.stop(30), 0)
        before = self.client.outbox.read_bytes()
        self.client.start(FIRST)
        self.client.wait_log("newer version")
        self.client.kill()
        self.assertEqual(self.client.outbox.read_bytes(), before)
