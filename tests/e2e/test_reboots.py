# SPDX-License-Identifier: MIT
"""RebootExitCodes: a command waits for another boot of the machine and goes on there; one outcome at its end."""

import json
import os
import subprocess
import unittest

from harness.case import DaemonTest, wait_until
from harness.programs import run_client
from harness.units import Units

BOOT_ID = "/proc/sys/kernel/random/boot_id"
WITH_BOOT_ID = ["unshare", "--mount", "sh", "-c", f'mount --bind "$0" {BOOT_ID} && exec "$@"']
UPGRADE = """echo "run $JIRO_RESUMED" >>"$LOG"
[ "$JIRO_RESUMED" -ge "$TIMES" ] && { echo "upgraded after $JIRO_RESUMED restarts"; exit 0; }
echo "restart me"; exit 194"""


def can_bind():
    """As root in a namespace of its own; elsewhere the boot's id cannot be another one."""
    done = subprocess.run([*WITH_BOOT_ID, "/dev/null", "true"], capture_output=True, check=False) if os.geteuid() == 0 else None
    return done is not None and done.returncode == 0


@unittest.skipUnless(can_bind(), "the boot's id is changed by root, with a bind mount")
class RebootsTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.boot = self.directory / "boot_id"
        self.boot.write_text("11111111-0000-0000-0000-000000000000\n")
        self.runs = self.directory / "runs"
        self.connections = 1

    def begin(self, times=1, environment=None, logging=None, redo_log=True, **members):
        upgrade = {"Program": UPGRADE, "Shell": True, "RebootExitCodes": [194], "Environment": {"LOG": str(self.runs), "TIMES": str(times)}, **members}
        config = {"Commands": {"Exec": {"upgrade": upgrade}, **self.section()}, "Logging": logging or {}}
        self.link = self.start_all(config=config, environment=environment, redo_log=redo_log, wrapper=[*WITH_BOOT_ID, self.boot])

    def section(self):
        return {}

    def waits(self):
        self.client.wait_status(lambda status: status["queuedCommands"] == 1 and status["activeCommandCount"] == 0, "it waits")

    def restart(self, reboot, kill=False):
        self.client.kill() if kill else self.client.stop()
        if reboot and self.client.redo_log:
            self.client.redo_log.unlink(missing_ok=True)  # tmpfs
        if reboot:
            old = self.boot.read_text()
            self.boot.write_text(str(int(old[0]) + 1) + old[1:])
        self.client.start()
        self.connections += 1
        self.link = self.connection(self.connections)

    def ran(self):
        return self.runs.read_text().splitlines() if self.runs.exists() else []

    def test_goes_on_after_the_machines_restart(self):
        self.begin()
        self.link.command("upgrade", "u", sessionId="s")
        self.waits()
        self.assertEqual(self.ran(), ["run 0"])
        self.link.command("output u", "o")
        self.assertIn("it waits for the machine's restart", self.result("o").response)
        for kill in (False, True):  # the daemon's own restarts are none of the machine's
            self.restart(reboot=False, kill=kill)
            self.waits()
        self.assertEqual(self.ran(), ["run 0"])
        self.link.command("upgrade", "u", sessionId="s")
        self.client.wait_log("already waiting or running")

        self.restart(reboot=True)
        answer = self.result("u")
        self.assertEqual((answer.is_success, answer.response, answer.session_id), (True, "upgraded after 1 restarts\n", "s"))
        self.assertEqual(self.ran(), ["run 0", "run 1"])
        self.restart(reboot=True)
        self.assert_serves(self.link)
        self.assertEqual(len(self.grpc.results("u")), 1)
        self.assertEqual(self.ran(), ["run 0", "run 1"])

    def test_killed_while_it_waits_and_while_it_goes_on(self):
        self.begin(times=3)
        self.link.command("upgrade", "u")
        for runs in (1, 2, 3):
            wait_until(lambda: len(self.ran()) == runs, "another run", 10, context=self.client.tail)
            self.waits()
            self.restart(reboot=True, kill=True)
        self.assertEqual(self.result("u").response, "upgraded after 3 restarts\n")
        self.assertEqual(self.ran(), ["run 0", "run 1", "run 2", "run 3"])
        self.assertEqual(len(self.grpc.results("u")), 1)

    def test_is_interrupted_when_its_second_run_is(self):
        # Without the log: a reset may take back what lies in it, and with it that the second run had begun.
        self.begin(Program='echo run >>"$LOG"; [ "$JIRO_RESUMED" = 1 ] && sleep 300; exit 194', KillGraceMs=100, redo_log=False)
        self.link.command("upgrade", "u")
        self.waits()
        self.restart(reboot=True)
        wait_until(lambda: len(self.ran()) == 2, "its second run", 10, context=self.client.tail)
        self.restart(reboot=True, kill=True)
        self.assertIn("interrupted", self.result("u").response)
        self.assertEqual(len(self.ran()), 2)

    def test_no_more_often_than_it_may(self):
        self.begin(times=9, MaxResumes=2)
        self.link.command("upgrade", "u")
        for _ in range(2):
            self.waits()
            self.restart(reboot=True)
        answer = self.result("u")
        self.assertEqual(answer.response, "exit code 194: it asked for the machine's restart once more than MaxResumes (2) allows")
        self.assertEqual(self.ran(), ["run 0", "run 1", "run 2"])

    def test_no_later_than_it_may(self):
        self.begin(ResumeWithinMs=1500)
        self.link.command("upgrade", "in-vain")
        self.assertIn("which did not come in time (ResumeWithinMs)", self.result("in-vain").response)
        self.link.command("upgrade", "late")
        self.waits()
        self.client.kill()
        # The machine is off for longer than that: only wall time knows.
        row = ("python3", "-c", "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.execute('UPDATE commands SET suspended_at = suspended_at - 60000'); d.commit()")
        subprocess.run([*row, self.client.outbox], check=True)
        self.client.start()
        self.connections += 1
        self.link = self.connection(self.connections)
        self.assertRegex(self.result("late").response, "later than it may go on|did not come in time")
        self.assertEqual(self.ran(), ["run 0", "run 0"])

    def test_can_be_cancelled_and_seen(self):
        self.begin()
        self.link.command("upgrade", "u", invocation_id="i")
        self.waits()
        self.link.command("cancel u", "c")
        self.assertIn("cancelled: by the hub", self.result("u").response)
        self.restart(reboot=True)
        self.assert_serves(self.link)
        self.assertEqual(self.ran(), ["run 0"])

    def test_a_pause_is_kept(self):
        """And what waits behind it, for its turn or for the restart."""
        environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        self.begin(environment=environment)
        self.link.command("upgrade", "u")
        self.waits()
        paused = run_client("pause", "--note", "kernel update", "--config", self.client.config_file, environment=environment)
        self.assertEqual(paused.returncode, 0, paused)
        self.link.command("echo later", "later")
        self.client.wait_status(lambda status: status["queuedCommands"] == 2, "both wait")
        self.restart(reboot=True)
        self.client.wait_status(lambda status: status["paused"] is not None and status["queuedCommands"] == 2, "paused, and both wait")
        self.assertEqual(self.ran(), ["run 0"])
        resumed = run_client("resume", "--config", self.client.config_file, environment=environment)
        self.assertEqual(resumed.returncode, 0, resumed)
        self.assertEqual(self.result("u").response, "upgraded after 1 restarts\n")
        self.assertEqual(self.result("later").response, "later")

    def test_the_audit_has_one_end(self):
        audit = self.directory / "audit"
        self.begin(logging={"Audit": str(audit)})
        self.link.command("upgrade", "u")
        self.waits()
        self.restart(reboot=True)
        self.result("u")
        self.assert_serves(self.link)
        self.client.stop()
        events = [json.loads(line) for line in audit.read_text().splitlines()]
        (event,) = [event for event in events if event["command_sync_id"] == "u"]
        self.assertEqual((event["outcome"], event["exit_code"]), ("succeeded", 0))
        self.assertLess(event["received_at"], event["started_at"])

    def test_without_a_disk_it_cannot_wait(self):
        self.begin()
        self.client.stop()
        self.client.write_config(Outbox={"Path": ":memory:"})
        self.client.start()
        self.connection(2).command("upgrade", "u")
        self.assertIn("the outbox is in memory only", self.result("u").response)


class RebootsInUnitsTest(RebootsTest):
    """The same for programs in units of their own."""

    def section(self):
        units = Units(self.directory / "units.sock")
        self.addCleanup(units.stop)
        return {"UnitSocket": units.path}


if __name__ == "__main__":
    unittest.main()
