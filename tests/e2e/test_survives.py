# SPDX-License-Identifier: MIT
"""Survives: a program in a unit of its own goes on while the daemon is restarted, and its real outcome is reported."""

import json
import os
import pathlib
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.descriptor_store import DescriptorStore
from harness.programs import run_client
from harness.signing import Signer
from harness.units import Units

# Prints, waits for a file, prints more, ends with 3.
LONG = 'echo begun; echo odd >&2; while [ ! -e "$GO" ]; do sleep 0.05; done; echo done; exit 3'


class SurvivesTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.units = Units(self.directory / "units.sock")
        self.addCleanup(self.units.stop)
        self.systemd = DescriptorStore(self.directory)
        self.go = self.directory / "go"
        self.connections = 1

    def begin(self, program=LONG, others=None, outbox=None, trust=None, **members):
        long = {"Program": program, "Shell": True, "Survives": True, "SuccessExitCodes": [3], "KillGraceMs": 200, "Environment": {"GO": str(self.go)}, **members}
        self.audit = self.directory / "audit"
        config = {"Commands": {"Exec": {"long": long, **(others or {})}, "UnitSocket": self.units.path, "Trust": trust or {}}, "Logging": {"Audit": str(self.audit)}, "Outbox": outbox or {}}
        self.link = self.start_all(config=config, environment={"NOTIFY_SOCKET": self.systemd.path, "RUNTIME_DIRECTORY": str(self.directory.path)}, wrapper=self.systemd.wrapper)

    def restart(self, kill=False, stop=False):
        self.client.kill() if kill else self.client.stop()
        if stop:
            self.systemd.close()
        self.client.start()
        self.connections += 1
        self.link = self.connection(self.connections)

    def until_held(self):
        wait_until(lambda: len(self.systemd.names()) == 4, "systemd holds it", context=self.client.tail)

    def ask(self, text):
        self.asked = getattr(self, "asked", 0) + 1
        self.link.command(text, f"ask-{self.asked}")
        return self.result(f"ask-{self.asked}").response

    def until_printed(self, text, sync_id="l"):
        wait_until(lambda: text in self.ask(f"output {sync_id}"), f"it printed {text}", context=self.client.tail)

    def assert_nothing_is_left(self):
        wait_until(lambda: not self.systemd.names(), "systemd holds nothing", context=self.client.tail)

        def ended():
            return not [unit for unit in self.units.alive() if unit.pid in self.started]

        wait_until(ended, "its unit has ended")

    def command(self, sync_id="l", text="long", **members):
        self.link.command(text, sync_id, sessionId="s", **members)
        self.until_held()
        self.started = {unit.pid for unit in self.units.alive()}

    def test_its_real_outcome_comes_after_restarts(self):
        self.begin()
        self.command()
        self.until_printed("begun")
        for kill in (False, True, False):
            at = time.monotonic()
            self.restart(kill=kill)
            self.assertLess(time.monotonic() - at, seconds(10))  # nobody waits for it
            self.until_held()
            self.until_printed("begun\n")
        self.assertRegex(self.ask("running"), r"l  long, since \d+ s, as \S+")
        self.link.command("long", "l", sessionId="s")
        self.client.wait_log("already waiting or running")
        self.assert_equations()
        self.go.touch()
        answer = self.result("l")
        self.assertEqual((answer.is_success, answer.response, answer.session_id), (True, "begun\ndone\n", "s"))
        self.assert_nothing_is_left()
        self.restart()
        self.assert_serves(self.link)
        self.assertEqual(len(self.grpc.results("l")), 1)
        event = self.event()
        self.assertEqual((event["outcome"], event["exit_code"]), ("succeeded", 3))
        self.assertLess(event["started_at"], event["ended_at"])

    def event(self):
        def found():
            events = [json.loads(line) for line in self.audit.read_text().splitlines()]
            return [event for event in events if event["command_sync_id"] == "l"]

        (event,) = wait_until(found, "the audit", context=self.client.tail)
        return event

    def test_it_ends_while_nobody_listens(self):
        self.begin(program=LONG.replace("exit 3", "exit 7"))
        self.command()
        self.until_printed("begun")
        self.client.kill()
        self.go.touch()
        time.sleep(seconds(0.3))
        self.client.start()
        self.link = self.connection(2)
        answer = self.result("l")
        self.assertFalse(answer.is_success)
        self.assertIn("exit code 7", answer.response)
        self.assertIn("odd", answer.response)
        self.assert_nothing_is_left()

    def test_its_time_goes_on(self):
        self.begin(TimeoutMs=int(seconds(3) * 1000))
        self.command()
        self.until_printed("begun")
        self.client.kill()
        time.sleep(seconds(3.2))
        self.client.start()
        self.link = self.connection(2)
        self.assertIn("timed out", self.result("l").response)
        self.assert_nothing_is_left()

    def test_can_be_cancelled_afterwards(self):
        self.begin()
        self.command()
        self.restart(kill=True)
        self.until_printed("begun")
        self.assertIn("cancelled", self.ask("cancel l"))
        self.assertIn("cancelled: by the hub", self.result("l").response)
        self.assert_nothing_is_left()

    def test_after_a_stop_it_is_interrupted(self):
        self.begin()
        self.command()
        self.restart(stop=True)
        self.assertIn("interrupted", self.result("l").response)
        self.assert_nothing_is_left()

    def test_a_definition_that_is_gone(self):
        signer = Signer(self.directory, "ci")
        signer.trust_in(self.directory / "trusted.d")
        self.begin(trust={"Keys": str(self.directory / "trusted.d"), "Require": "none"})
        self.command(instanceId="web1", parameters=signer.parameters("long", "l"))
        self.client.stop()
        self.client.config["Commands"]["Exec"] = {}
        self.client.write_config()
        self.client.start()
        self.link = self.connection(2)
        self.assertIn("knows the command no more", self.result("l").response)
        self.assert_nothing_is_left()
        self.assert_serves(self.link)
        event = self.event()
        self.assertEqual((event["outcome"], event["signed_by"], event["user"]), ("interrupted", "ci", "unknown"))
        self.assertLessEqual(event["received_at"], event["started_at"])
        (ended,) = [command for command in self.client.status()["ended"] if command["id"] == "l"]
        self.assertGreater(ended["runSeconds"], ended["queueSeconds"])

    def test_long_output_keeps_beginning_and_end(self):
        many = 'seq 1 40000; while [ ! -e "$GO" ]; do sleep 0.05; done; seq 40001 80000; exit 3'
        self.begin(program=many, MaxOutputBytes=20000)
        self.command()
        wait_until(lambda: "\n40000\n" in self.ask("output l 228000"), "it printed", context=self.client.tail)
        self.restart(kill=True)
        self.go.touch()
        answer = self.result("l").response
        self.assertTrue(answer.startswith("1\n2\n3\n"), answer[:50])
        self.assertTrue(answer.endswith("79999\n80000\n"), answer[-50:])
        total = sum(len(f"{number}\n") for number in range(1, 80001))
        kept = len(answer.split("\n[...")[0]) + len(answer.split("...]\n")[1])
        self.assertIn(f"[... {total - kept} bytes left out ...]", answer)

    def test_secrets_are_masked_on_both_sides_of_a_restart(self):
        self.begin(program='echo "key $KEY"; ' + LONG.replace("echo done", 'echo "again $KEY"'), Environment={"GO": str(self.go), "KEY": "hidden-value"}, Redact=["KEY"])
        self.command()
        self.until_printed("key ***")
        self.restart(kill=True)
        self.go.touch()
        self.assertEqual(self.result("l").response, "key ***\nbegun\nagain ***\n")

    def test_what_it_reads_is_there(self):
        self.begin(program='while [ ! -e "$GO" ]; do sleep 0.05; done; cat; exit 3', Stdin="message")
        self.link.command("long", "l", sessionId="s", parameters={"a": "b" * 200000})
        self.until_held()
        self.restart(kill=True)
        self.go.touch()
        self.assertEqual(json.loads(self.result("l").response)["commandSyncId"], "l")

    def test_it_ended_in_time_though_the_daemon_was_away_for_long(self):
        self.begin(program=LONG, TimeoutMs=30_000)
        self.command()
        self.until_printed("begun")  # systemd holds its descriptors before it runs
        self.client.kill()
        self.go.touch()
        wait_until(lambda: not self.systemd.names() or self.has_ended(), "it has ended")
        self.systemd.make_older(by_ms=40_000)
        self.client.start()
        self.link = self.connection(2)
        self.assertTrue(self.result("l").is_success)
        self.assert_nothing_is_left()

    def has_ended(self):
        """Only the unit's own process is left."""
        for unit in self.units.alive():
            children = pathlib.Path(f"/proc/{unit.pid}/task/{unit.pid}/children").read_text().split()
            if unit.pid in self.started and children:
                return False
        return True

    def test_it_is_masked_by_what_was_secret_when_it_started(self):
        token = self.directory / "token"
        token.write_text("old-secret-token\n")
        self.begin(program="cat " + str(token) + "; " + LONG, Redact=[str(token)])
        self.command()
        self.until_printed("***")
        self.client.kill()
        token.unlink()
        self.client.config["Commands"]["Exec"]["long"]["Redact"] = []
        self.client.write_config()
        self.client.start()
        self.link = self.connection(2)
        self.go.touch()
        self.assertEqual(self.result("l").response, "***\nbegun\ndone\n")

    def test_a_definition_that_would_refuse_it_now(self):
        self.begin(Parameters={"word": {"Pattern": "a+"}})
        self.command(text="long aaa")
        self.client.kill()
        self.client.config["Commands"]["Exec"]["long"]["Parameters"]["word"]["Pattern"] = "b+"
        self.client.write_config()
        self.client.start()
        self.link = self.connection(2)
        self.go.touch()
        self.assertTrue(self.result("l").is_success)

    def test_a_text_that_names_another_command_now(self):
        self.begin()
        self.command()
        self.client.kill()
        self.client.config["Commands"]["Exec"] = {}
        self.client.config["Commands"]["Default"] = "echo"
        self.client.write_config()
        self.client.start()
        self.link = self.connection(2)
        self.assertIn("knows the command no more", self.result("l").response)
        self.assert_nothing_is_left()

    def test_it_may_ask_for_the_machines_restart(self):
        self.begin(program=LONG.replace("exit 3", "exit 194"), RebootExitCodes=[194])
        self.command()
        self.go.touch()
        self.client.wait_status(lambda status: status["queuedCommands"] == 1 and status["activeCommandCount"] == 0, "it waits")
        wait_until(lambda: not self.systemd.names(), "systemd holds nothing")
        self.restart(kill=True)
        self.assert_nothing_is_left()
        self.client.wait_status(lambda status: status["queuedCommands"] == 1 and status["activeCommandCount"] == 0, "it waits still")
        self.assert_serves(self.link)
        self.assertEqual(self.grpc.results("l"), [])

    def test_without_output_its_errors_are_kept(self):
        self.begin(program='echo out; echo why >&2; while [ ! -e "$GO" ]; do sleep 0.05; done; exit 9', MaxOutputBytes=0)
        self.command()
        self.restart(kill=True)
        self.go.touch()
        self.assertEqual(self.result("l").response, "exit code 9: why")

    def test_others_are_waited_for_and_end(self):
        other = {"Program": "sleep 1; echo other", "Shell": True}
        self.begin(others={"other": other})
        self.command()
        self.link.command("other", "o")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 2, "both run")
        self.restart()
        self.assertEqual(self.result("o").response, "other\n")
        self.go.touch()
        self.assertTrue(self.result("l").is_success)

    def test_paused_it_goes_on_and_ends(self):
        self.begin()
        self.command()
        self.client.stop()
        self.client.start()
        self.connection(2)
        paused = run_client("pause", "--config", self.client.config_file, environment={"RUNTIME_DIRECTORY": str(self.directory.path)})
        self.assertEqual(paused.returncode, 0, paused)
        self.client.kill()
        self.client.start()
        self.link = self.connection(3)
        self.client.wait_status(lambda status: status["paused"] is not None and status["activeCommandCount"] == 1, "paused, and it runs")
        self.go.touch()
        self.assertTrue(self.result("l").is_success)

    def test_without_a_disk_it_ends_with_the_daemon(self):
        self.begin(outbox={"Path": ":memory:"})
        self.command()
        self.client.kill()
        self.client.start()
        self.link = self.connection(2)
        self.client.wait_log("belong to no command that runs")
        self.assert_nothing_is_left()

    def test_names_that_are_not_ours_are_left_alone(self):
        self.begin()
        self.client.stop()
        names = ("other", "run-", "run-x-1-output", "run-" + "0" * 32 + "-x-output", "run-" + "0" * 32 + "-1-what", "run-" + "0" * 32 + "--output")
        for name in names:
            self.systemd.held[name] = os.open("/dev/null", os.O_RDONLY)
        part = "run-" + "0" * 32 + "-5-output"  # alone
        self.systemd.held[part] = os.open("/dev/null", os.O_RDONLY)
        self.client.start()
        self.link = self.connection(2)
        self.client.wait_log("belong to no command that runs")
        self.assert_serves(self.link)
        wait_until(lambda: self.systemd.names() == sorted(names), "only the others are held")


if __name__ == "__main__":
    unittest.main()
