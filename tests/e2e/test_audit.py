# SPDX-License-Identifier: MIT
"""Logging.Audit: one event for each command, also for those that were refused, always with the same fields, and never a secret."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.disks import Disks
from harness.hub_server import http_response
from harness.programs import run_client
from harness.signing import Signer
from test_memory import crc32c

FIELDS = ["command_sync_id", "session_id", "command", "text_sha256", "signed_by", "hub", "user", "outcome", "exit_code", "received_at",
          "started_at", "ended_at"]
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def shell(script, **members):
    return {"Program": script, "Shell": True, **members}


class AuditTest(DaemonTest):
    def begin(self, commands=None, logging=None, InstanceId="", **members):
        self.file = self.directory / "audit.log"
        settings = {"Commands": {"Exec": commands or {}, **members}, "Logging": {"Audit": str(self.file), **(logging or {})}, "InstanceId": InstanceId}
        return self.start_all(config=settings)

    def events(self):
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [json.loads(line) for line in lines]

    def event(self, sync_id):
        def found():
            return [event for event in self.events() if event.get("command_sync_id") == sync_id]

        events = wait_until(found, f"the audit of {sync_id}", 10, context=self.client.tail)
        self.assertEqual(len(events), 1, events)
        self.assertEqual(list(events[0]), FIELDS)
        for name in ("received_at", "ended_at"):
            self.assertRegex(events[0][name], TIME)
        return events[0]

    def test_a_hub_does_not_choose_what_it_hides(self):
        """What a hub calls its token and cookies is masked in its own words, not in ours."""
        words = ("echo", "an-id-of-a-command", "succeeded", "Command received", "Command ended")
        route = [("Set-Cookie", f"c{number}={word}; Path=/") for number, word in enumerate(words)]
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(connectionToken=words[1]), headers=route)
        self.file = self.directory / "audit.log"
        self.start_client(config={"Logging": {"Audit": str(self.file)}})
        self.connection().command("echo hello", words[1])
        event = self.event(words[1])
        self.assertEqual((event["command"], event["outcome"]), ("echo", "succeeded"))
        self.client.wait_log(f"Command ended command_sync_id={words[1]} command=echo outcome=succeeded")

    def test_each_end_has_its_event(self):
        signer = Signer(self.directory, "ci")
        signer.trust_in(self.directory / "trusted.d")
        commands = {"seven": shell("exit 7"), "shot": shell("kill -9 $$"), "wait": shell("sleep 60", KillGraceMs=100)}
        link = self.begin(commands, Trust={"Keys": str(self.directory / "trusted.d"), "Require": "none"}, InstanceId="web1")
        link.command("echo hello", "ok", sessionId="s-1")
        link.command("seven", "seven")
        link.command("shot", "shot")
        link.command("secret-word x", "unknown")
        link.command("wait", "cancelled")
        link.command("ping extra", "signed", instanceId="web1", parameters=signer.parameters("ping extra", "signed"))
        link.command("ping extra", "forged", instanceId="web1", parameters=signer.parameters("ping other", "forged"))
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1, "it runs")
        link.command("cancel cancelled", "cancel")
        user = os.environ.get("USER") or str(os.geteuid())
        for sync_id, name, outcome, code, signed_by in (
            ("ok", "echo", "succeeded", None, None), ("seven", "seven", "failed", 7, None), ("shot", "shot", "failed", -9, None),
            ("unknown", None, "rejected", None, None), ("cancelled", "wait", "cancelled", -15, None), ("cancel", "cancel", "succeeded", None, None),
            ("signed", "ping", "succeeded", None, "ci"), ("forged", "ping", "rejected", None, None),
        ):
            with self.subTest(sync_id):
                event = self.event(sync_id)
                self.assertEqual((event["command"], event["outcome"], event["exit_code"], event["signed_by"]), (name, outcome, code, signed_by))
                self.assertEqual(event["hub"], self.hub.url)
                ran = outcome != "rejected"
                self.assertEqual(event["started_at"] is not None, ran)
                self.assertEqual(event["user"] is not None, ran)
        self.assertEqual(self.event("ok")["session_id"], "s-1")
        self.assertEqual(self.event("ok")["text_sha256"], hashlib.sha256(b"echo hello").hexdigest())
        self.assertIn(self.event("ok")["user"], (user, str(os.geteuid())))
        self.assertNotIn("secret-word", self.file.read_text())
        self.assertNotIn("hello", self.file.read_text())

    def test_an_id_that_looks_like_a_secret_hides_itself_only(self):
        """What follows a secret's name is masked; the fields behind it are those of the event all the same."""
        link = self.begin()
        for number, (sync_id, session, shown) in enumerate((("x-api-key: 1", "s", ("x-api-key: ***", "s")), ("a", "authorization: mallory", ("a", "authorization: ***")),
                                                            ("a4?id=7", "cookie:6", ("a4?id=***", "cookie:***")))):
            link.command("echo hi", sync_id, sessionId=session)
            events = wait_until(lambda n=number: self.events()[n:], "the audit", 10, context=self.client.tail)
            self.assertEqual(list(events[0]), FIELDS)
            self.assertEqual((events[0]["command_sync_id"], events[0]["session_id"], events[0]["outcome"]), (*shown, "succeeded"))

    def test_a_long_text_is_hashed_off_the_event_loop(self):
        link = self.begin({"seven": shell("exit 7")}, logging={"CommandText": False})
        texts = {f"long-{number}": "echo " + f"{number} words " * 20_000 for number in range(20)}
        for sync_id, text in texts.items():
            link.command(text, sync_id, sessionId=f"s-{sync_id}")
        for sync_id in texts:
            self.result(sync_id)
        self.assertEqual(self.client.stop(30), 0)  # what workers still have is waited for
        self.assertEqual(len(self.events()), len(texts))
        for sync_id, text in texts.items():
            event = self.event(sync_id)
            self.assertEqual(event["text_sha256"], hashlib.sha256(text.encode()).hexdigest())
            self.assertEqual((event["command"], event["outcome"], event["session_id"]), ("echo", "succeeded", f"s-{sync_id}"))
            self.assertLessEqual(event["received_at"], event["started_at"])
            self.assertLessEqual(event["started_at"], event["ended_at"])

    def test_a_repetition_is_no_event_and_another_content_is(self):
        link = self.begin()
        link.command("echo a", "a")
        self.result("a")
        link.command("echo a", "a")
        link.command("echo b", "a")
        self.client.wait_log("came under the commandSyncId")
        wait_until(lambda: len(self.events()) == 2, "two events", 10)
        self.assertEqual([event["outcome"] for event in self.events()], ["succeeded", "rejected"])
        self.assertNotEqual(self.events()[0]["text_sha256"], self.events()[1]["text_sha256"])
        link.invoke({"command": "echo c"})
        wait_until(lambda: len(self.events()) == 3, "one that cannot be answered", 10)
        self.assertIsNone(self.events()[2]["command_sync_id"])
        self.assert_serves(link)

    def test_what_was_interrupted_is_audited_after_the_restart(self):
        """Also what would run again, and is not known any more: who signed it is said, and of nobody that it ran as him."""
        signer = Signer(self.directory, "ci")
        signer.trust_in(self.directory / "trusted.d")
        commands = {"hang": shell("sleep 60"), "again": shell("sleep 60", Idempotent=True)}
        link = self.begin(commands, Trust={"Keys": str(self.directory / "trusted.d"), "Require": "none"}, InstanceId="web1")
        for name in commands:
            link.command(name, name, instanceId="web1", parameters=signer.parameters(name, name))
        self.client.wait_status(lambda status: status["activeCommandCount"] == 2, "they run")
        self.client.kill()
        del self.client.config["Commands"]["Exec"]["again"]
        self.client.write_config()
        self.client.start()
        self.connection(2)
        for sync_id, name in (("hang", "hang"), ("again", None)):
            with self.subTest(sync_id):
                event = self.event(sync_id)
                self.assertEqual((event["command"], event["outcome"], event["signed_by"]), (name, "interrupted", "ci"))
                self.assertEqual((event["user"], event["started_at"]), ("unknown", None))
                self.assertLess(event["received_at"], event["ended_at"])

    def test_a_command_that_cannot_be_read_after_the_restart_is_audited(self):
        self.begin()
        self.client.stop()
        now = int(time.time() * 1000)
        content, payload = b"?" * 32, b"no message"
        with contextlib.closing(sqlite3.connect(self.client.outbox)) as database, database:
            database.execute(
                "INSERT INTO commands (id, state, fingerprint, received_at, run_before, idempotent, receipt_sum, payload)"
                " VALUES ('odd', 'received', ?, ?, ?, 0, ?, ?)", (content, now, now + 60_000, crc32c(b"odd" + content + payload), payload))
        self.client.start()
        self.assertIn("interrupted", self.result("odd").response)
        event = self.event("odd")
        self.assertEqual((event["command"], event["outcome"]), (None, "interrupted"))

    @unittest.skipUnless(Disks.are_possible(), "needs root, mount namespaces and FUSE")
    def test_a_disk_that_hangs_keeps_no_event_from_another_file(self):
        disks = Disks(self.directory.path)
        self.addCleanup(disks.close)
        folder, healthy = self.directory / "folder", self.directory / "healthy"
        healthy.mkdir()
        folder.symlink_to(healthy)
        link = self.start_all(config={"Logging": {"Audit": str(folder / "audit.log")}}, wrapper=disks.wrapper)
        folder.unlink()
        folder.symlink_to(disks.hanging)
        link.command("echo a", "a")
        self.result("a")
        self.file = healthy / "audit.log"
        self.client.wait_log("The audit file cannot be written; .*its disk does not answer")
        self.client.write_config(Logging={"Audit": str(self.file)})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("eloaded")
        link.command("echo b", "b")
        for sync_id in ("a", "b"):
            self.event(sync_id)
        self.assertEqual(self.client.stop(), 0, self.client.tail())

    def test_the_file_is_for_its_owner_and_follows_logrotate(self):
        link = self.begin()
        link.command("echo a", "a")
        self.event("a")
        self.assertEqual(self.file.stat().st_mode & 0o137, 0)
        moved = self.directory / "audit.log.1"
        self.file.rename(moved)
        os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o640))  # as logrotate's `create` does
        link.command("echo b", "b")
        self.event("b")
        self.assertEqual(len(moved.read_text().splitlines()), 1)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o640)

    def test_what_cannot_be_written_waits_and_holds_up_nothing(self):
        link = self.begin()
        link.command("echo a", "a")
        self.event("a")
        self.file.unlink()
        os.mkfifo(self.file)
        link.command("echo b", "b")
        self.client.wait_log("The audit file cannot be written; events wait")
        self.assertEqual(self.result("b").response, "b")
        self.file.unlink()
        self.event("b")
        self.client.wait_log("The audit file is written again")
        link.command("echo c", "c")
        self.event("c")
        self.assertEqual(self.client.stop(), 0)

    def begin_without_a_file(self):
        link = self.begin({"hang": shell("sleep 60", KillGraceMs=100)}, logging={"Audit": str(self.directory / "missing" / "audit.log")})
        link.command("echo a", "a")
        self.result("a")
        return link

    def assert_in_the_log(self, sync_id, outcome):
        (line,) = self.client.logged(f"audit: Audit .*command_sync_id={sync_id} ")
        self.assertRegex(line, f"command=[a-z]+ text_sha256=[0-9a-f]{{64}} signed_by=- .* outcome={outcome} exit_code=.* ended_at=2")

    def test_what_the_file_has_not_taken_at_the_stop_is_in_the_log(self):
        self.begin_without_a_file()
        self.client.stop()
        self.assert_in_the_log("a", "succeeded")
        self.assertRegex(self.client.log.lines[-1], "Stopped$")

    def test_a_second_signal_forgets_no_event(self):
        self.begin_without_a_file().command("hang", "h")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1, "it runs")
        self.client.signal(signal.SIGTERM)
        self.client.wait_log("Stopping: commands that run may finish")
        self.client.stop()
        self.assert_in_the_log("a", "succeeded")
        self.assert_in_the_log("h", "cancelled")

    def test_no_event_is_written_into_a_file_of_the_outbox(self):
        link = self.begin()
        link.command("echo a", "a")
        self.event("a")
        taken = (self.client.outbox, f"{self.client.outbox}.kept", self.client.redo_log)
        for file in taken:
            self.client.write_config(Logging={"Audit": str(file)})
            self.client.signal(signal.SIGHUP)
            self.client.wait_log(f"Reload refused.*Logging.Audit: {file} is a file of Outbox")
        self.assertEqual(self.client.stop(), 0)
        left = [path.read_bytes() for path in self.directory.path.glob("outbox.db*")]
        for file in taken:
            with self.subTest(file):
                self.client.write_config(Logging={"Audit": str(file)})
                answer = run_client("check-config", "--config", self.client.config_file)
                self.assertEqual(answer.returncode, 78, answer)
                self.assertIn(f"Logging.Audit: {file} is a file of Outbox", answer.stderr)
                self.client.start()
                self.assertEqual(self.client.wait_exit(), 78)
        self.assertEqual(left, [path.read_bytes() for path in self.directory.path.glob("outbox.db*")])

    def test_what_waits_for_a_file_that_is_given_up_is_in_the_log(self):
        self.begin_without_a_file()
        self.client.write_config(Logging={"Audit": "journal"})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("The audit file is given up; the events that waited for it are in the log .*count=1")
        self.assert_in_the_log("a", "succeeded")

    @unittest.skipUnless(os.geteuid() == 0, "a full disk of a test's own is mounted by root")
    def test_a_full_disk(self):
        small = self.directory / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], check=False).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", small], check=True)
        link = self.begin(logging={"Audit": str(small / "audit.log")})
        self.file = small / "audit.log"
        link.command("echo a", "a")
        self.event("a")
        (small / "fill").write_bytes(b"x" * 60 * 1024)
        for number in range(30):
            link.command("echo b", f"b{number}")
        for number in range(30):
            self.result(f"b{number}")
        self.client.wait_log("The audit file cannot be written.*No space left")
        self.events()  # no half line
        (small / "fill").unlink()
        for number in range(30):
            self.event(f"b{number}")

    def test_the_log_has_it_whatever_the_level(self):
        link = self.start_all(config={"Logging": {"Level": "error", "Target": "json"}})
        link.command("echo a", "a", sessionId="s")
        line = json.loads(self.client.wait_log('"component":"audit"'))
        self.assertEqual(line["event_id"], "a4d1c7e2905b4f3c8e6f27b1d8305c96")
        self.assertEqual([name for name in line if name in FIELDS], FIELDS)
        self.assertEqual((line["signed_by"], line["exit_code"], line["session_id"]), ("-", "-", "s"))


if __name__ == "__main__":
    unittest.main()
