# SPDX-License-Identifier: MIT
"""What the status says with real values in it, and `jiro-client status --watch` on a terminal and off it."""

import fcntl
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import termios
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.programs import CLIENT, clean_environment, run_client
from harness.waiting import seconds

SLOW = {"Commands": {"Exec": {"slow": {"Program": ["/bin/sleep", "60"]}}}}


class StatusValuesTest(DaemonTest):
    def test_before_a_connection(self):
        self.start_client("http://127.0.0.1:1/hub", "http://127.0.0.1:1")
        status = self.client.wait_status(lambda s: s["recentErrors"], "the first error")
        self.assertIn(status["state"], ("Connecting", "Failed"))
        self.assertIsNone(status["connectionId"])
        self.assertIsNone(status["connectedSeconds"])
        self.assertIsNone(status["lastFrameAgeSeconds"])
        self.assertRegex(status["lastError"], "refused")
        self.assertFalse(status["ready"])
        self.assertRegex(status["notReady"][0], "Connecting to 127.0.0.1|Failed for 127.0.0.1")
        self.assertEqual(status["recentErrors"][0]["component"], "hub")
        self.assertRegex(status["recentErrors"][0]["message"], "refused")
        self.assertRegex(status["recentErrors"][0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(set(status["reconnects"].values()), {0})

    def test_without_a_hub(self):
        self.start_client()
        status = self.client.wait_status(lambda s: s["state"] == "Disconnected", "it waits")
        self.assertEqual(status["notReady"], ["No hub is configured"])

    def test_lost_connections_count_by_cause(self):
        self.start_all()
        self.connection(1).abort()
        self.connection(2).close(1001)
        self.connection(3).close(1000, {"error": "moving", "allowReconnect": True})
        self.connection(4).send_frame(b"{nonsense\x1e")
        self.connection(5)
        status = self.client.wait_status(lambda s: sum(s["reconnects"].values()) == 4, "four losses")
        self.assertEqual(
            status["reconnects"],
            {"connection_lost": 1, "websocket_closed": 1, "closed_by_server": 1, "protocol_error": 1, "server_timeout": 0,
             "settings_changed": 0, "other": 0},
        )
        status, metrics = self.client.get("/metrics")
        self.assertIn('jiro_hub_reconnects_total{cause="websocket_closed"} 1', metrics)
        self.assertIn('jiro_hub_reconnects_total{cause="server_timeout"} 0', metrics)

    def test_calls_count_by_their_status(self):
        def behaviour(message, nth):
            return (Reply.status("UNAVAILABLE", "try later"), Reply.refused("not today"), Reply.ok())[min(nth, 3) - 1]

        self.start_all(behaviour)
        self.connection().command("echo a", "a")
        self.result("a")
        status = self.client.wait_status(lambda s: s["delivery"]["delivered"] == 1, "it is delivered")
        self.assertEqual(status["delivery"]["attemptsByStatus"], {"OK": 2, "UNAVAILABLE": 1})
        self.assertEqual(sum(status["delivery"]["attemptsByStatus"].values()), status["delivery"]["attempts"])
        messages = [entry["message"] for entry in status["recentErrors"] if entry["component"] == "delivery"]
        self.assertEqual(messages, ["success=false: not today", "UNAVAILABLE: try later"])
        self.assertIn('jiro_delivery_attempts_total{status="UNAVAILABLE"} 1', self.client.get("/metrics")[1])

    def test_a_server_that_repeats_our_credentials_does_not_make_them_public(self):
        token, key = "canary-token-of-the-status", "canary-key-of-the-status"
        self.start_hub()
        self.start_grpc()
        self.grpc.take = lambda data, metadata: Reply.status("UNKNOWN", f"not good: Bearer {token} with {key}")
        self.start_client(config={"ApiKey": key, "WebSocket": {"AccessToken": token}})
        self.connection().command("echo a", "a")
        self.client.wait_status(lambda s: s["delivery"]["lastError"] and s["recentErrors"], "the error is shown")
        body = self.client.get("/status")[1]
        self.assertIn("not good: Bearer *** with ***", body)
        shown = run_client("outbox", "list", "--config", self.client.config_file)
        for secret in (token, key):
            for text in (body, shown.stdout, shown.stderr, self.client.log.text()):
                self.assertNotIn(secret, text)

    def test_a_refused_reload_is_among_the_last_errors(self):
        self.start_all()
        self.client.write_config(Logging={"Level": "loud"})
        self.client.signal(signal.SIGHUP)
        status = self.client.wait_status(
            lambda s: [e for e in s["recentErrors"] if e["component"] == "reload"], "the refusal", within=15)
        self.assertRegex(json.dumps(status["recentErrors"]), "Logging.Level")
        self.assertIn("the last reload was refused", status["degraded"])

    def test_while_the_result_server_is_away_it_says_when_it_tries_again(self):
        self.start_hub()
        self.start_client(grpc_url="http://127.0.0.1:1", config={"Grpc": {"RetryDelayMs": 20, "MaxRetryDelayMs": 5000}})
        for number in range(8):
            self.connection().command("echo a", f"id-{number}")
        status = self.client.wait_status(lambda s: s["delivery"]["channel"] == "probing", "it probes", within=20)
        self.assertIsInstance(status["delivery"]["nextAttemptSeconds"], (int, float))
        self.assertEqual(status["outbox"]["storageErrors"], 0)
        self.assertIn("jiro_outbox_ballast_present 1", self.client.get("/metrics")[1])

    def test_an_old_result_degrades(self):
        self.start_hub()
        self.start_client(grpc_url="http://127.0.0.1:1")
        self.connection().command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        self.assertEqual(self.client.status()["degraded"], [])
        self.assertEqual(self.client.stop(), 0)
        with sqlite3.connect(self.client.outbox) as database:
            database.execute("UPDATE commands SET finished_at = finished_at - 600000")
        database.close()
        self.client.start()
        status = self.client.wait_status(lambda s: s["degraded"], "it is degraded")
        self.assertRegex(status["degraded"][0], "oldest undelivered result waits for 10 min")
        self.assertGreater(status["outbox"]["oldestAgeSeconds"], 600)


class EndedTest(DaemonTest):
    def ask_status(self, *arguments):
        return run_client("status", *arguments, "--config", self.client.config_file)

    def test_what_ended_last_and_by_name(self):
        commands = {"Commands": {"Exec": {"good": {"Program": ["/bin/true"]}, "bad": {"Program": ["/bin/false"]}}}}
        link = self.start_all(config=commands)
        self.assertIn("No command has ended", self.ask_status("--recent").stdout)
        link.command("good", "one")
        self.result("one")
        link.command("bad", "two")
        self.result("two")
        link.command("ping", "looks")
        self.result("looks")
        link.command("<b>nonsense", "hostile \u202eid")
        self.result("hostile \u202eid")
        self.client.wait_status(lambda s: [e["delivery"] for e in s["ended"]] == ["delivered"] * 3, "all are confirmed")
        cli = lambda *arguments: self.ask_status(*arguments).stdout
        lines = cli("--recent").splitlines()
        self.assertRegex(lines[0], "^ID +COMMAND +OUTCOME +ENDED +WAITED +RAN +RESULT$")
        # What is no command has no name here: it would be whatever the hub wrote.
        self.assertRegex(lines[1], r"^hostile \\xe2\\x80\\xaeid +- +rejected +0 s ago +\d+ ms +0 ms +delivered$")
        self.assertRegex(lines[2], r"^two +bad +failed ")
        self.assertRegex(lines[3], r"^one +good +succeeded ")
        self.assertEqual([e["id"] for e in json.loads(cli("--recent", "--failed", "--name", "bad", "--json"))], ["two"])
        self.assertEqual(cli("--recent", "--undelivered"), "None of the last 3 commands\n")
        self.assertRegex(cli("--by-name"), r"(?m)^bad +1 +1 +\d+ ms +\d+ ms$")
        self.assertEqual([e["count"] for e in json.loads(cli("--by-name", "--json")) if e["name"] in ("ping", "none")], [1, 1])
        for wrong in (["--failed"], ["--recent", "--outcome", "odd"], ["--recent", "--by-name"], ["--recent", "--watch"]):
            self.assertEqual(self.ask_status(*wrong).returncode, 2, wrong)

    def test_what_is_not_delivered_is_seen(self):
        link = self.start_all(lambda message, nth: Reply.status("UNAVAILABLE", "later"))
        link.command("echo a", "a")
        status = self.client.wait_status(lambda s: s["delivery"]["attempts"] > 0 and s["ended"], "an attempt")
        self.assertEqual([(e["id"], e["delivery"]) for e in status["ended"]], [("a", "waiting")])
        self.assertRegex(self.ask_status("--recent", "--undelivered").stdout, r"(?m)^a +echo +succeeded .* waiting$")

    def test_what_an_operator_dropped_does_not_wait(self):
        link = self.start_all(lambda message, nth: Reply.status("UNAVAILABLE"))
        shown = lambda: {e["id"]: e["delivery"] for e in self.client.status()["ended"]}
        for sync_id in "ab":
            link.command("echo a", sync_id)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 2, "both wait")
        self.assertEqual(shown(), {"a": "waiting", "b": "waiting"})
        self.assertEqual(run_client("outbox", "drop", "a", "--config", self.client.config_file).returncode, 0)
        self.assertEqual(shown(), {"a": "dropped", "b": "waiting"})
        self.assertRegex(self.ask_status("--recent", "--undelivered").stdout, r"(?m)^a +echo +succeeded .* dropped$")


class Terminal:
    """`jiro-client status --watch` on a terminal of so many lines and columns."""

    def __init__(self, config_file, rows=40, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(CLIENT, [CLIENT, "status", "--watch", "--config", str(config_file)], clean_environment(TERM="xterm"))
        self.resize(rows, columns)
        self.output = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, pattern, within=15.0):
        os.set_blocking(self.fd, False)

        def found():
            try:
                self.output += os.read(self.fd, 65536)
            except (BlockingIOError, OSError):
                pass
            return re.search(pattern, self.output)

        return wait_until(found, f"{pattern} on the terminal", within, context=lambda: self.output.decode("utf-8", "replace"))

    def press(self, key):
        os.write(self.fd, key)

    def end(self, within=10.0):
        """The exit code."""

        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (os.waitstatus_to_exitcode(status),) if pid else None

        return wait_until(ended, "the view ends", within)[0]

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.fd)


class WatchTest(DaemonTest):
    def open_terminal(self, **size):
        terminal = Terminal(self.client.config_file, **size)
        self.addCleanup(terminal.close)
        return terminal

    def test_a_live_view_that_leaves_the_terminal_as_it_was(self):
        link = self.start_all(config=SLOW)
        terminal = self.open_terminal()
        terminal.read_until(rb"^\x1b\[\?1049h\x1b\[\?25l")
        terminal.read_until(rb"Connected, http://127\.0\.0\.1")
        terminal.read_until(rb"Rates      - received")
        link.command("slow", "cmd-4711")
        link.command("echo a", "a")
        terminal.read_until(rb"cmd-4711  slow  \d+ s")
        terminal.read_until(rb"Rates      (0\.[1-9]|[1-9]\d*\.\d)/s received")
        terminal.read_until(rb"Latency    run .*p95 \d+ ms")
        terminal.read_until(rb"calls: OK 1")
        self.hub.stop()
        terminal.read_until(rb"Last errors\x1b\[K\r+\n.*hub: ")
        terminal.press(b"\x03")
        self.assertEqual(terminal.end(), 0)
        terminal.read_until(rb"\x1b\[\?25h\x1b\[\?1049l$")
        self.assertEqual(terminal.output.count(b"\x1b[?1049h"), 1)

    def test_it_fits_into_a_small_terminal(self):
        self.start_all()
        terminal = self.open_terminal(rows=5, columns=20)
        terminal.read_until(rb"jiro-client")
        terminal.resize(5, 20)
        terminal.read_until(rb"(\x1b\[H[^\x1b]*(\x1b\[K[^\x1b]*)*\x1b\[J.*){3}")
        for view in terminal.output.split(b"\x1b[H")[3:]:
            lines = [re.sub(rb"\x1b\[[KJ]|\r", b"", line) for line in view.split(b"\n")]
            self.assertLessEqual(len(lines), 5, view)
            self.assertLessEqual(max(len(line.decode()) for line in lines), 20, view)

    def test_a_daemon_that_goes_and_comes_back(self):
        self.start_all()
        self.client.wait_connected()
        terminal = self.open_terminal()
        terminal.read_until(rb"Connected")
        self.client.stop()
        terminal.read_until(rb"nobody answers")
        terminal.output = b""
        self.client.start()
        terminal.read_until(rb"jiro-client \d+\.\d+")
        os.kill(terminal.pid, signal.SIGTERM)
        self.assertEqual(terminal.end(), 0)
        terminal.read_until(rb"\x1b\[\?1049l$")

    def run_until(self, flags, pattern, count):
        """Into a pipe, until the pattern came so often; then SIGINT."""
        process = subprocess.Popen([CLIENT, "status", "--watch", *flags, "--config", str(self.client.config_file)],
                                   env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        lines = []
        deadline = time.monotonic() + seconds(20)
        while len([line for line in lines if re.search(pattern, line)]) < count:
            self.assertLess(time.monotonic(), deadline, lines)
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=seconds(10))
        self.assertEqual((process.returncode, errors), (0, ""))
        return "".join(lines) + rest

    def test_without_a_terminal_it_prints_one_view_after_the_other(self):
        self.start_all()
        self.client.wait_connected()
        text = self.run_until([], "^Hub ", 2)
        self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\njiro-client ")

    def test_as_json_each_line_is_a_status(self):
        self.start_all()
        self.client.wait_connected()
        lines = self.run_until(["--json"], "^{", 2).splitlines()
        self.assertEqual([json.loads(line)["state"] for line in lines], ["Connected"] * len(lines))


if __name__ == "__main__":
    unittest.main()
