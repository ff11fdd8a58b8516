# SPDX-License-Identifier: MIT
"""What runs can be seen, followed and ended: by the hub's users with commands, by an operator at the control socket."""

import json
import re
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.programs import run_client


def shell(script, **members):
    return {"Program": script, "Shell": True, **members}


SLOW = shell("printf 'one\\n'; sleep 0.5; printf 'two\\n'; sleep 60", KillGraceMs=500)


class RunningTest(DaemonTest):
    def start_with(self, commands, **settings):
        self.link = self.start_all(config={"Commands": {"Exec": commands, "TimeoutMs": 120000, **settings}})

    def ask(self, text, within=10, **members):
        self.number = getattr(self, "number", 0) + 1
        self.link.command(text, f"ask-{self.number}", **members)
        return self.result(f"ask-{self.number}", within)

    def until_output(self, sync_id, text):
        def printed():
            answer = self.ask(f"output {sync_id}")
            return answer if text in answer.response else None

        return wait_until(printed, f"{text!r} in the output of {sync_id}", 10, context=self.client.tail)

    def test_hanging_commands_do_not_blind_the_hub(self):
        self.start_with({"hang": shell("sleep 300", KillGraceMs=100)}, MaxConcurrent=16, MaxQueued=2)
        for number in range(18):
            self.link.command("hang", f"hang-{number}")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 16, "16 hang")
        self.assertIn("busy", self.ask("echo x").response)

        for text, pattern in (("ping", "pong"), ("help", "running"), ("status", '"state":"Connected"'), ("running", "hang-15"),
                              ("output hang-3", "bytes 0 to 0 of 0; hang has run")):
            answer = self.ask(text, within=5)
            self.assertTrue(answer.is_success, answer)
            self.assertIn(pattern, answer.response)
        self.assertIn("2 wait for their turn", self.ask("running").response)
        self.assertIn("cancelled", self.ask("cancel hang-3").response)
        self.assertIn("cancelled: by the hub", self.result("hang-3").response)
        for number in range(18):
            self.ask(f"cancel hang-{number}")
        for number in range(18):
            self.result(f"hang-{number}")
        self.assert_serves(self.link)

    def test_a_long_command_is_followed_and_ended(self):
        self.start_with({"slow": SLOW})
        self.link.command("slow", "long")  # as most hubs send it: nobody waits for its answer
        first = self.until_output("long", "one\n")
        self.assertRegex(first.response, r"\[bytes 0 to \d+ of \d+; slow has run for \d+ s; go on with: output long \d+\]$")
        self.until_output("long", "two\n")
        rest = self.ask("output long 4").response
        self.assertEqual(rest.split("\n")[0], "two")
        self.assertRegex(self.ask("running").response, r"long  slow, since \d+ s, as \S+, 8 bytes so far")

        self.assertTrue(self.ask("cancel long").is_success)
        self.assertIn("cancelled: by the hub", self.result("long").response)
        self.assertRegex(self.ask("output long 4").response, r"two\n\[bytes 4 to 8 of 8; slow has ended, \d+ s ago: cancelled\]")
        self.assertIn("ended already", self.ask("cancel long").response)
        self.assertEqual(self.ask("running").response, "nothing runs")

    def test_what_is_no_id_of_a_running_command(self):
        self.start_with({"slow": SLOW, "quick": shell("echo done")})
        self.link.command("quick", "ended")
        self.result("ended")
        self.link.command("slow", "theirs", sessionId="another session")
        self.until_output("theirs", "one")
        for text, success, pattern in (
            ("output nothing", False, "no command of this id"),
            ("output ended", True, "done\n[bytes 0 to 5 of 5; quick has ended"),
            ("output ended 5", True, "[bytes 5 to 5 of 5; quick has ended"),
            ("output ended 6", False, "only 5 bytes; the command has ended"),
            ("output theirs 1000000", False, "bytes so far"),
            ("output theirs -1", False, "usage"),
            ("output theirs 99999999999999999999999", False, "usage"),
            ("output", False, "usage"),
            ("output '" + "x" * 5000 + "'", False, "no command of this id"),
            ("cancel nothing", False, "no command of this id"),
            ("cancel ended", False, "ended already"),
            ("cancel", False, "usage"),
        ):
            with self.subTest(text[:40]):
                answer = self.ask(text)
                self.assertEqual(answer.is_success, success, answer)
                self.assertIn(pattern, answer.response)
                self.assertLess(len(answer.response), 1000)
        # Whoever may send commands may look at all of them, and end them: the hub decides who that is.
        self.assertTrue(self.ask("output theirs", sessionId="mine").is_success)
        self.assertTrue(self.ask("cancel theirs", sessionId="mine").is_success)
        self.result("theirs")

    def test_parameters_are_taken_by_name(self):
        self.start_with({"slow": SLOW})
        self.link.command("slow", "long")
        self.until_output("long", "one\n")
        self.assertIn("slow has run for", self.ask("output", parameters={"ID": "long", "userId": "7"}).response)
        self.assertIn("echo TEXT", self.ask("help", parameters={"name": "echo"}).response)
        self.assertIn("echo TEXT", self.ask("help echo", parameters={"name": "ping"}).response)
        self.assertTrue(self.ask("cancel", parameters={"ID": "long"}).is_success)
        self.assertIn("cancelled: by the hub", self.result("long").response)

    def test_cancellations_that_race_with_the_end(self):
        self.start_with({"short": shell("sleep 0.02", KillGraceMs=200)})
        for number in range(40):
            self.link.command("short", f"race-{number}")
            time.sleep(0.001 * (number % 30))
            self.link.command(f"cancel race-{number}", f"cancel-{number}")
        for number in range(40):
            outcome, answer = self.result(f"race-{number}"), self.result(f"cancel-{number}")
            if not outcome.is_success:
                self.assertIn("cancelled: by the hub", outcome.response)
                self.assertTrue(answer.is_success, answer)
        self.assertEqual(len(self.grpc.accepted), 80)
        self.assert_serves(self.link)

    def test_much_output_is_bounded(self):
        self.start_with({"much": shell("head -c 3000000 /dev/zero | tr '\\0' x; sleep 60", MaxOutputBytes=1000000, KillGraceMs=100)})
        self.link.command("much", "long")
        wait_until(lambda: "3000000 bytes so far" in self.ask("running").response, "all is printed", 10)
        answer = self.ask("output long").response
        self.assertLess(len(answer), 70000)
        self.assertIn("[bytes 0 to 65536 of 3000000", answer)
        answer = self.ask("output long 300000").response
        self.assertRegex(answer, r"^\[bytes 300000 to 2250000 were not kept\]\nxxx")
        self.ask("cancel long")
        self.result("long")

    def test_an_operator_sees_and_ends_at_the_control_socket(self):
        environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        self.link = self.start_all(config={"Commands": {"Exec": {"slow": SLOW}}}, environment=environment)
        cli = lambda *arguments: run_client(*arguments, "--config", self.client.config_file, environment=environment)
        self.assertEqual(cli("running").stdout, "Nothing runs\n")
        self.link.command("slow", "long")
        wait_until(lambda: "two" in cli("output", "long").stdout, "the output", 10, context=self.client.tail)
        self.assertRegex(cli("running").stdout, r"ID +COMMAND +AGE +USER +BYTES\nlong +slow +\d+ s +\S+ +8\n")
        run = json.loads(cli("running", "--json").stdout)["running"][0]
        self.assertEqual((run["id"], run["outputBytes"], run["lastLines"]), ("long", 8, "one\ntwo"))
        part = cli("output", "long", "--from", "4")
        self.assertEqual(part.stdout, "two\n")
        self.assertRegex(part.stderr, r"\[bytes 4 to 8 of 8; runs since \d+ s\]")

        self.assertEqual(cli("cancel", "long").returncode, 0)
        self.assertIn("cancelled: by an operator of this machine", self.result("long").response)
        followed = cli("output", "long", "--follow")
        self.assertEqual(followed.stdout, "one\ntwo\n")
        self.assertIn("has ended: cancelled", followed.stderr)
        for arguments, pattern in ((("cancel", "long"), "ended already"), (("cancel", "x"), "no command of this id"),
                                   (("output", "x"), "no command of this id"), (("output", "long", "--from", "9"), "only 8 bytes")):
            answer = cli(*arguments)
            self.assertEqual(answer.returncode, 1, answer)
            self.assertIn(pattern, answer.stderr)

    def test_half_a_character_does_not_keep_an_operator_waiting(self):
        """Its other half may never come."""
        environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        commands = {"latin": shell("printf 'caf\\351'; exec sleep 60", KillGraceMs=100)}
        self.link = self.start_all(config={"Commands": {"Exec": commands}}, environment=environment)
        cli = lambda *arguments: run_client(*arguments, "--config", self.client.config_file, environment=environment)
        self.link.command("latin", "l")
        wait_until(lambda: '"outputBytes":4' in self.client.get("/running")[1], "it has printed", 10, context=self.client.tail)
        part = cli("output", "l")
        self.assertEqual((part.returncode, part.stdout), (0, "caf"), part)
        self.assertIn("3 of 4; runs since", part.stderr)
        cli("cancel", "l")
        self.result("l")
        self.assertEqual(cli("output", "l", "--follow").stdout, "caf\ufffd")

    def test_follows_to_the_end(self):
        environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        commands = {"count": shell("for i in 1 2 3 4; do echo line $i; sleep 0.3; done; echo oops >&2; exit 3")}
        self.link = self.start_all(config={"Commands": {"Exec": commands}}, environment=environment)
        self.link.command("count", "c")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1, "it runs")
        followed = run_client("output", "c", "-f", "--config", self.client.config_file, environment=environment)
        self.assertEqual(followed.stdout, "line 1\nline 2\nline 3\nline 4\n")
        self.assertIn("oops", followed.stderr)
        self.assertIn("has ended: failed", followed.stderr)

    def test_the_page_of_an_operator(self):
        self.start_with({"slow": SLOW})
        status, page = self.client.get("/")
        self.assertEqual(status, 200)
        self.assertIn("<html data-operator", page)
        self.link.command("slow", "long")
        wait_until(lambda: "two" in self.client.get("/running")[1], "its last lines", 10)
        self.assertEqual(self.client.get("/cancel?id=long")[0], 405)
        connection_status, body = self.client.post("/cancel?id=long")
        self.assertEqual((connection_status, json.loads(body)), (200, {"cancelled": "long"}))
        self.result("long")


if __name__ == "__main__":
    unittest.main()
