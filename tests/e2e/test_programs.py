# SPDX-License-Identifier: MIT
"""Commands that run a program, with programs and values that mean harm."""

import base64
import json
import os
import pathlib
import signal
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.outside import Promptness, slow_to_start
from harness.programs import run_client, sanitizers
from harness.units import Units


def shell(script, **members):
    return {"Program": script, "Shell": True, **members}


class ProgramTest(DaemonTest):
    def start_with(self, commands, **sections):
        config = {"Commands": {"Exec": commands, "TimeoutMs": 10000}}
        for name, values in sections.items():
            config.setdefault(name, {}).update(values)
        self.link = self.start_all(config=config)

    def run_command(self, text, sync_id="a", within=20, **members):
        self.link.command(text, sync_id, **members)
        return self.result(sync_id, within)

    def test_what_is_idempotent_no_more_is_not_repeated(self):
        """The definition in force decides, not that of the receipt: a reload lies before the first run, or a restart behind it."""
        mark = self.directory / "runs"

        def define(is_idempotent):
            return {"block": shell("sleep 60"), "once": shell(f"echo $JIRO_COMMAND_ID >> {mark}; sleep 60", Idempotent=is_idempotent)}

        self.start_with(define(True), Commands={"MaxConcurrent": 2})
        for text, command in (("block", "a"), ("once", "restart"), ("once", "reload")):
            self.link.command(text, command)
        wait_until(mark.exists, "the first run", context=self.client.tail)
        self.client.wait_status(lambda status: status["queuedCommands"] == 1, "one waits")
        self.client.write_config(Commands={"Exec": define(False)})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("Configuration reloaded")
        run_client("cancel", "a", "--config", str(self.client.config_file))
        wait_until(lambda: mark.read_text().count("\n") == 2, "the second one's run", context=self.client.tail)
        self.client.kill()
        self.client.start()
        for command in ("restart", "reload"):
            result = self.result(command)
            self.assertFalse(result.is_success)
            self.assertIn("had begun before the daemon's restart", result.response)
        self.assertEqual(sorted(mark.read_text().split()), ["reload", "restart"])

    def test_output_that_a_background_process_holds_open(self):
        self.start_with({"list": shell("echo '[1]'; sleep 300 &", Result="json"), "text": shell("echo begun; sleep 300 &")})
        self.assertEqual(self.run_command("list").response, "[1]")
        self.client.wait_log("output is not complete.*command=list")
        self.assertIn("output_incomplete", self.run_command("text", "b").response)

    def test_values_never_become_code(self):
        marker = self.directory / "pwned"
        self.start_with({
            "show": {"Program": ["/bin/echo", "<{value}>"], "Parameters": {"value": {}}},
            "script": shell('printf "%s" "$JIRO_PARAM_VALUE"', Parameters={"value": {}}),
        })
        values = [f"$(touch {marker})", f"`touch {marker}`", f"; touch {marker}", f"' ; touch {marker} #", f'" ; touch {marker} #',
                  f"a\ntouch {marker}", "{value}", "%s%n%x", "$HOME", "*", "\\", "a  b"]
        for number, value in enumerate(values):
            for name in ("show", "script"):
                with self.subTest(value=value, command=name):
                    message = self.run_command(name, f"{name}-{number}", parameters={"value": value})
                    if message.is_success:
                        expected = f"<{value}>" if name == "show" else value
                        self.assertEqual(message.response.rstrip("\n"), expected.rstrip("\n"))
        self.assertFalse(marker.exists())

    def test_values_that_are_refused(self):
        self.start_with({"list": {"Program": ["/bin/ls", "{path}"], "Parameters": {"path": {"MaxLength": 100}}},
                         "pick": {"Program": ["/bin/echo", "{n}"], "Parameters": {"n": {"Type": "integer"}}}})
        for number, (name, parameters) in enumerate([
            ("list", {"path": "-la"}), ("list", {"path": "--help"}), ("list", {"path": "x" * 101}), ("list", {"path": "a\0b"}),
            ("list", {}), ("pick", {"n": "1; ls"}), ("pick", {"n": "99999999999999999999"}),
        ]):
            with self.subTest(str(parameters)[:40]):
                message = self.run_command(name, f"id-{number}", parameters=parameters)
                self.assertFalse(message.is_success, message)
                self.assertTrue(message.response)
        self.assert_serves(self.link)

    def test_a_long_value_against_a_pattern_costs_an_error_not_the_stack(self):
        self.start_with({"match": {"Program": ["/bin/echo", "{v}"],
                                   "Parameters": {"v": {"Pattern": "(a|b)*", "MaxLength": 1048576}}}},
                        WebSocket={"MaxMessageBytes": 8 << 20})
        for length in (10_000, 60_000):
            with self.subTest(length):
                message = self.run_command("match", f"id-{length}", parameters={"v": "ab" * (length // 2)})
                self.assertEqual(message.command_sync_id, f"id-{length}")
        self.assert_serves(self.link)

    def test_a_pattern_that_explodes_does_not_stop_the_daemon(self):
        self.start_with({"match": {"Program": ["/bin/echo", "{v}"], "Parameters": {"v": {"Pattern": "(a+)+b", "MaxLength": 64}}}})
        self.link.command("match", "slow", parameters={"v": "a" * 40})
        self.link.command("echo meanwhile", "meanwhile")
        self.result("meanwhile", 5)
        started = time.monotonic()
        self.client.status()
        self.assertLess(time.monotonic() - started, 2)

    def executable(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def children(self):
        lists = pathlib.Path(f"/proc/{self.client.pid}/task").glob("*/children")
        return " ".join(path.read_text() for path in lists).split()

    def test_a_program_that_is_slow_to_start_holds_up_nothing_else(self):
        slow = self.executable("slow", "#!/bin/sh\necho started\n")
        commands = {f"slow-{n}": {"Program": [str(slow)], "TimeoutMs": int(seconds(3000))} for n in range(3)}
        self.start_with({**commands, "quick": {"Program": ["/bin/echo", "quick"]}})
        self.assertEqual(self.run_command("quick", "before").response, "quick\n")
        with slow_to_start(slow):
            watch = Promptness(self.client)
            started = time.monotonic()
            for name in commands:
                self.link.command(name, name)
            self.client.wait_status(lambda s: s["activeCommandCount"] == len(commands), "their starts are under way")
            for n in range(3):
                self.assertEqual(self.run_command("quick", f"program-{n}", within=2).response, "quick\n")
            self.assertEqual(self.run_command("echo built-in", "built-in", within=2).response, "built-in")
            self.assertLess(time.monotonic() - started, seconds(3), "the others had to wait")
            for name in commands:
                message = self.result(name)
                self.assertFalse(message.is_success)
                self.assertRegex(message.response, "timed out after .* ms: the start of .*slow was not done by then")
            self.assertLess(time.monotonic() - started, seconds(4))
            watch.check(self)
            wait_until(lambda: not self.children(), "what did not start is gone", context=self.children)
        message = self.run_command("slow-0", "afterwards")
        self.assertEqual(message.response, "started\n")

    def test_a_stop_does_not_wait_for_a_start_that_hangs_longer_than_its_time_limit(self):
        slow = self.executable("slow", "#!/bin/sh\necho started\n")
        self.start_with({"slow": {"Program": [str(slow)], "TimeoutMs": int(seconds(1500))}})
        with slow_to_start(slow):
            self.link.command("slow", "slow")
            self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "its start is under way")
            self.assertEqual(self.client.stop(within=5), 0, self.client.tail())
            self.assertIn("timed out", self.grpc.accepted["slow"].response)

    def test_endless_output_is_cut_and_memory_stays_flat(self):
        self.start_with({"flood": shell("yes 0123456789abcdef | head -c 300000000", MaxOutputBytes=100_000)})
        before = self.resident()
        message = self.run_command("flood", within=40)
        self.assertLess(len(message.raw), 200_000)
        self.assertIn("0123456789abcdef", message.response)
        if not sanitizers():
            self.assertLess(self.resident() - before, 20_000)
        self.assert_serves(self.link)

    def test_output_that_is_no_text_is_never_broken_utf8(self):
        self.start_with({"raw": shell("head -c 20000 /dev/urandom"), "zero": shell("printf 'a\\0b'"),
                         "latin": shell("printf 'caf\\351'"), "none": shell("true")})
        message = self.run_command("raw")
        self.assertEqual(message.text_type, "BASE64")
        self.assertEqual(len(base64.b64decode(message.response)), 20_000)
        self.run_command("zero", "zero")
        self.assertIn(self.run_command("latin", "latin").text_type, ("BASE64", "PLAIN"))
        self.assertTrue(self.run_command("none", "none").is_success)
        self.assertEqual(self.grpc.undecodable, [])

    def test_the_end_of_a_program_is_told(self):
        self.start_with({
            "three": shell("echo out; echo err >&2; exit 3"), "killed": shell("kill -9 $$"), "segv": shell("kill -SEGV $$"),
            "absent": {"Program": ["/no/such/program"]}, "plain": {"Program": ["/etc/passwd"]}, "folder": {"Program": ["/"]},
        })
        three = self.run_command("three", "three")
        self.assertFalse(three.is_success)
        self.assertIn("3", three.response)
        self.assertIn("err", three.response)
        for name in ("killed", "segv", "absent", "plain", "folder"):
            with self.subTest(name):
                message = self.run_command(name, name)
                self.assertFalse(message.is_success, message)
                self.assertTrue(message.response)
        self.assert_serves(self.link)

    def test_a_program_that_ignores_sigterm_is_killed_with_its_children(self):
        pids = self.directory / "pids"
        script = f"trap '' TERM; (trap '' TERM; echo $BASHPID >> {pids}; sleep 300) & echo $$ >> {pids}; sleep 300; sleep 300"
        self.start_with({"stubborn": {"Program": ["/bin/bash", "-c", script], "TimeoutMs": 4000, "KillGraceMs": 500}})
        message = self.run_command("stubborn", within=20)
        self.assertFalse(message.is_success)
        for pid in pids.read_text().split():
            wait_until(lambda pid=pid: not alive(int(pid)), f"process {pid} is gone", 10, context=self.client.tail)
        self.assert_serves(self.link)

    def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_up_the_result(self):
        self.start_with({"leak": shell("setsid sleep 60 & echo done")})
        started = time.monotonic()
        message = self.run_command("leak", within=15)
        self.assertLess(time.monotonic() - started, 9)
        self.assertIn("done", message.response)

    def test_a_program_that_does_not_read_its_input(self):
        self.start_with({"deaf": {"Program": ["/bin/true"], "Stdin": "message", "Parameters": {"v": {"MaxLength": 1000000, "Required": False}}},
                         "reads": {"Program": ["/bin/cat"], "Stdin": "message", "Parameters": {"v": {"MaxLength": 1000000}}}})
        for number in range(20):
            self.run_command("deaf", f"deaf-{number}", parameters={"v": "x" * 60_000})
        message = self.run_command("reads", "reads", parameters={"v": "x" * 60_000})
        self.assertIn("x" * 1000, message.response)
        self.assert_serves(self.link)

    def test_a_program_sees_nothing_of_ours(self):
        self.start_with({"env": {"Program": ["/usr/bin/env"]}, "fds": {"Program": ["/bin/ls", "/proc/self/fd"]},
                         "parent": shell("cat /proc/$PPID/environ /proc/$PPID/mem 2>&1 | head -c 1000")},
                        )
        self.client.kill()
        self.client.environment = {"JIRO_APIKEY": "canary-key-in-environment", "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "100000000",
                                   "CREDENTIALS_DIRECTORY": "/nowhere", "SOME_SECRET": "canary-other"}
        self.client.start()
        self.link = self.connection(2)
        environment = self.run_command("env").response
        for word in ("canary", "NOTIFY_SOCKET", "WATCHDOG", "CREDENTIALS_DIRECTORY"):
            self.assertNotIn(word, environment)
        self.assertIn("PATH=", environment)
        self.assertEqual(self.run_command("fds", "fds").response.split(), ["0", "1", "2", "3"])
        if os.geteuid() != 0:
            self.assertNotIn("canary", self.run_command("parent", "parent").response)

    WAIT_AHEAD = 0  # units that are kept for the next programs

    def test_200_at_once_leave_nothing_behind(self):
        self.start_with({"quick": {"Program": ["/bin/echo", "{n}"], "Parameters": {"n": {}}}}, Commands={"MaxConcurrent": 50})
        self.run_command("quick", "first", parameters={"n": "0"})
        descriptors = self.descriptors()
        for number in range(200):
            self.link.command("quick", f"id-{number}", parameters={"n": str(number)})
        for number in range(200):
            message = self.result(f"id-{number}", 40)
            self.assertEqual(message.response.strip(), str(number))
        wait_until(lambda: self.descriptors() <= descriptors + 3 + self.WAIT_AHEAD, "descriptors are closed", context=lambda: str(self.descriptors()))
        children = pathlib.Path(f"/proc/{self.client.pid}/task/{self.client.pid}/children").read_text().split()
        zombies = [pid for pid in children if pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"]
        self.assertEqual(zombies, [])

    def test_a_json_result_and_a_graph_are_recognised_or_refused(self):
        graph = json.dumps({"message": "m", "graphData": {"t": [1, 2], "v": [3, 4]}, "xAxis": "t", "yAxis": "v", "units": {"v": "%"}})
        self.start_with({"json": shell("echo '{\"a\": 1}'", Result="json"), "bad": shell("echo '{'", Result="json"),
                         "graph": shell(f"echo '{graph}'", Result="graph"), "badgraph": shell("echo '[1,2'", Result="graph")})
        self.assertEqual(self.run_command("json", "json").text_type, "JSON")
        for name in ("bad", "badgraph"):
            self.run_command(name, name)
        self.run_command("graph", "graph")
        self.assert_serves(self.link)

    def test_the_daemon_killed_while_a_program_runs_reports_it_interrupted_and_leaves_no_process(self):
        pid_file = self.directory / "pid"
        self.start_with({"slow": shell(f"echo $$ > {pid_file}; exec sleep 300")})
        self.link.command("slow", "a")
        wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), "it runs", context=self.client.tail)
        self.client.kill()
        wait_until(lambda: not alive(int(pid_file.read_text())), "the program ended with the daemon", 5)
        self.client.start()
        message = self.result("a", 20)
        self.assertFalse(message.is_success)
        self.assertIn("interrupted", message.response)

    def resident(self):
        return int(next(line for line in pathlib.Path(f"/proc/{self.client.pid}/status").read_text().splitlines()
                        if line.startswith("VmRSS")).split()[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.client.pid}/fd"))


class ProgramInUnitTest(ProgramTest):
    """The same with Commands.RunAs: unit, and something in systemd's place."""

    WAIT_AHEAD = 4

    def start_with(self, commands, **sections):
        self.units = Units(self.directory / "units")
        self.addCleanup(self.units.stop)
        commands_section = {"UnitSocket": self.units.path, **sections.pop("Commands", {})}
        super().start_with(commands, Commands=commands_section, **sections)

    def test_200_at_once_leave_nothing_behind(self):
        super().test_200_at_once_leave_nothing_behind()
        wait_until(lambda: len(self.units.alive()) == self.WAIT_AHEAD, "the units have ended, but for those that wait")

    def test_a_socket_that_goes_is_named_and_one_that_comes_back_is_used(self):
        """While nobody serves it no program runs, least of all as the daemon."""
        self.start_with({"who": {"Program": ["/bin/echo", "here"]}})
        self.assertEqual(self.run_command("who", "before").response.strip(), "here")
        self.units.stop()
        message = self.run_command("who", "while")
        self.assertFalse(message.is_success)
        self.assertIn("jiro-command.socket", message.response)
        os.unlink(self.units.path)
        self.assertFalse(self.run_command("who", "without").is_success)
        self.units = Units(self.units.path)
        self.addCleanup(self.units.stop)
        self.assertEqual(self.run_command("who", "after").response.strip(), "here")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
