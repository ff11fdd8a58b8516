# SPDX-License-Identifier: MIT
"""What journald gets: native fields by which `journalctl` finds one command's whole life."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

from harness import programs
from harness.case import DaemonTest, wait_until

COMMANDS = 300
STAND_IN = pathlib.Path(__file__).parent / "harness" / "journal.py"


def has_namespaces():
    probe = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /run"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0


class JournalClient(programs.Client):
    """The daemon with a stand-in for journald around it."""

    def start(self):
        self.journal_file = self.directory / "journal.jsonl"
        self.process = subprocess.Popen(
            ["unshare", "-rm", sys.executable, str(STAND_IN), str(self.journal_file), programs.CLIENT, "run", "--config",
             str(self.config_file)],
            env=programs.clean_environment(**self.environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.log = programs.Output(self.process.stderr, self.log_file)
        self.out = programs.Output(self.process.stdout, self.out_file)
        return self

    def entries(self, **wanted):
        if not self.journal_file.exists():
            return []
        text = self.journal_file.read_text().rpartition("\n")[0]
        entries = [json.loads(line) for line in text.splitlines()]
        return [entry for entry in entries if all(entry.get(name) == value for name, value in wanted.items())]

    def wait_entries(self, count, **wanted):
        def found():
            entries = self.entries(**wanted)
            return entries if len(entries) >= count else None

        return wait_until(found, f"{count} entries with {wanted}", 15, context=lambda: "\n".join(map(str, self.entries())))


class JournalCase(DaemonTest):
    def start_journalled(self, **logging):
        self.start_hub()
        self.start_grpc()
        self.client = JournalClient(self.directory, self.hub.url, self.grpc.url, config={
            "WebSocket": {"AccessToken": "canary-of-the-journal"}, "Logging": {"Level": "info", "Target": "journald", **logging}})
        self.addCleanup(self.end)
        return self.connection()

    def end(self):
        if self.client.is_running():
            self.client.process.send_signal(signal.SIGTERM)
            self.client.wait_exit()


@unittest.skipUnless(has_namespaces(), "needs unshare, and the right to mount in a namespace")
class JournalTest(JournalCase):
    def test_one_commands_life_is_found_by_its_id(self):
        self.start_journalled().command("echo a", "cmd-456-789", sessionId="session-1")
        life = self.client.wait_entries(4, JIRO_COMMAND_SYNC_ID="cmd-456-789")
        self.assertEqual([entry["PRIORITY"] for entry in life], ["6", "6", "6", "6"])
        received, audited, ended, delivered = life
        self.assertTrue(received["MESSAGE"].startswith("Command received"), received)
        self.assertEqual(received["JIRO_SESSION_ID"], "session-1")
        self.assertTrue(ended["MESSAGE"].startswith("Command ended"), ended)
        self.assertEqual((ended["JIRO_COMMAND"], ended["JIRO_OUTCOME"]), ("echo", "succeeded"))
        self.assertTrue(audited["MESSAGE"].startswith("Audit"), audited)
        self.assertEqual(audited["MESSAGE_ID"], "a4d1c7e2905b4f3c8e6f27b1d8305c96")
        self.assertEqual((audited["JIRO_TEXT_SHA256"], audited["JIRO_EXIT_CODE"]), (hashlib.sha256(b"echo a").hexdigest(), "-"))
        self.assertTrue(delivered["MESSAGE"].startswith("Result delivered"), delivered)
        self.assertEqual(delivered["JIRO_COMPONENT"], "courier")

    def test_every_entry_has_the_fields_of_the_journal_and_no_secret(self):
        self.start_journalled().command("ecko\x1b[31m\nPRIORITY=0\nMESSAGE_ID=forged", "bad")
        self.client.wait_entries(1, JIRO_OUTCOME="rejected")
        self.end()
        entries = self.client.entries()
        self.assertGreater(len(entries), 4)
        for entry in entries:
            self.assertEqual(entry["SYSLOG_IDENTIFIER"], "jiro-client")
            self.assertIn(entry["PRIORITY"], "34567")
            self.assertTrue(entry["JIRO_COMPONENT"] and entry["MESSAGE"])
            self.assertNotEqual(entry.get("MESSAGE_ID"), "forged")
            self.assertNotIn("canary-of-the-journal", json.dumps(entry))
            self.assertNotRegex(entry["MESSAGE"], "[\x00-\x1f\x7f]")
        connected = self.client.entries(JIRO_COMPONENT="signalr")
        self.assertEqual([entry["JIRO_CONNECTION_ID"] for entry in connected if "JIRO_CONNECTION_ID" in entry], ["public-1"])

    def test_what_an_operator_looks_up_has_a_message_id_and_a_priority(self):
        self.start_journalled()
        self.client.write_config(Logging={"Level": "loud"})
        self.client.process.send_signal(signal.SIGHUP)
        (refused,) = self.client.wait_entries(1, MESSAGE_ID="c3e97b20a4164d8f8e5b2a7d9f106c63")
        self.assertEqual((refused["PRIORITY"], refused["JIRO_COMPONENT"]), ("3", "reload"))
        self.assertRegex(refused["JIRO_REASON"], "Logging.Level")
        catalog = (STAND_IN.parents[3] / "systemd" / "jiro-client.catalog").read_text()
        self.assertIn(f"-- {refused['MESSAGE_ID']}", catalog)


@unittest.skipUnless(has_namespaces(), "needs unshare, and the right to mount in a namespace")
class FrozenJournalTest(JournalCase):
    """journald does not read: commands run, a reload leads the lines elsewhere, and a stop ends."""

    def start_frozen(self):
        link = self.start_journalled()
        self.client.wait_entries(1, JIRO_COMPONENT="signalr")
        journald = self.client.process.pid
        (self.daemon,) = map(int, pathlib.Path(f"/proc/{journald}/task/{journald}/children").read_text().split())
        self.client.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.client.process.send_signal, signal.SIGCONT)
        for number in range(COMMANDS):
            link.command("echo a", f"id-{number}")
        wait_until(lambda: len(self.grpc.accepted) == COMMANDS, "all have their results", 60)

    def test_a_reload_leads_all_lines_elsewhere(self):
        self.start_frozen()
        self.client.write_config(Logging={"Target": "console"})
        os.kill(self.daemon, signal.SIGHUP)
        self.client.wait_log("Configuration reloaded.*Logging.Target")
        self.client.status()
        wait_until(lambda: self.client.logged(f"Result delivered .*id-{COMMANDS - 1} "), "the last line", 15, context=self.client.tail)
        self.client.process.send_signal(signal.SIGCONT)
        self.end()
        delivered = self.client.entries(JIRO_COMPONENT="courier")
        ids = [entry["JIRO_COMMAND_SYNC_ID"] for entry in delivered if "JIRO_COMMAND_SYNC_ID" in entry]
        ids += [line.partition("command_sync_id=")[2].split()[0] for line in self.client.logged("Result delivered")]
        self.assertEqual(sorted(ids), sorted(f"id-{number}" for number in range(COMMANDS)))

    def test_a_stop_ends(self):
        self.start_frozen()
        os.kill(self.daemon, signal.SIGTERM)
        state = pathlib.Path(f"/proc/{self.daemon}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "it has ended", 15)


if __name__ == "__main__":
    unittest.main()
