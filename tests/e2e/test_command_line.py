# SPDX-License-Identifier: MIT
"""The command line and the status endpoint, as a person, a script and a load balancer use them."""

import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import threading
import unittest

from harness.case import DaemonTest, wait_until
from harness.programs import CLIENT, clean_environment, run_client

SLOW = {"Commands": {"Exec": {"slow": {"Program": ["/bin/sleep", "{seconds}"],
                                       "Parameters": {"seconds": {"Pattern": "[0-9.]+"}}}}}}


class CommandLineTest(DaemonTest):
    def write(self, text):
        path = self.directory / "config.yaml"
        path.write_text(text)
        return path

    def test_version_and_help(self):
        version = run_client("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^jiro-client \d+\.\d+\.\d+")
        usage = run_client("--help")
        self.assertEqual(usage.returncode, 0)
        for word in ("run", "check-config", "status", "commands", "exec", "--config"):
            self.assertIn(word, usage.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_runs_commands_as_the_owner_of_the_state(self):
        nobody = pwd.getpwnam("nobody").pw_uid
        state = self.directory / "owned"
        state.mkdir()
        os.chown(state, nobody, -1)
        (state / "link").symlink_to("/etc")  # leads a root that follows it to folders of root's
        for folder in (state, state / "link", state / "not-there"):
            config = self.write(json.dumps({"Outbox": {"Path": str(folder / "outbox.db")},
                                            "Commands": {"Exec": {"who": {"Program": ["/usr/bin/id", "-u"]},
                                                                  "groups": {"Program": ["/usr/bin/id", "-G"]}}}}))
            with self.subTest(folder):
                answer = run_client("exec", "who", "--config", config)
                self.assertEqual(answer.stdout.split(), [str(nobody)], answer.stderr)
                self.assertIn("Running as nobody", answer.stderr)
                self.assertNotIn("0", run_client("exec", "groups", "--config", config).stdout.split())
                insisted = run_client("exec", "who", "--as-root", "--config", config)
                self.assertEqual(insisted.stdout.split(), ["0"], insisted.stderr)
                self.assertIn("Running as root", insisted.stderr)

    def test_a_wrong_command_line_is_exit_code_2(self):
        for arguments in (["--no-such-flag"], ["no-such-command"], ["output", "a", "--from", "-1"], ["exec"], ["exec", "echo a", "--param", "novalue"],
                          ["check-config", "--config", ""], ["--config", ""], ["migrate-config", ""], ["sessions", "import", ""]):
            with self.subTest(arguments):
                answer = run_client(*arguments)
                self.assertEqual(answer.returncode, 2, answer)
                self.assertTrue(answer.stderr)

    def test_a_relative_configuration_file_is_what_its_whole_path_is(self):
        config = self.write("{}")
        (self.directory / "below").mkdir()
        for name, folder in (("config.yaml", self.directory.path), ("./config.yaml", self.directory.path), ("../config.yaml", self.directory / "below")):
            with self.subTest(name):
                answer = run_client("check-config", "--config", name, cwd=folder)
                self.assertEqual((answer.returncode, answer.stdout), (0, f"{config} is good\n"), answer)

    def test_what_cannot_be_printed_is_exit_code_1(self):
        config = self.write("{}")
        key = self.directory / "a.key"
        self.assertEqual(run_client("sign", "--new-key", key).returncode, 0)
        for arguments in (["--version"], ["--help"], ["check-config", "--print", "--config", config], ["commands", "--config", config],
                          ["exec", "echo a", "--config", config], ["sign", "--key", key, "echo a"]):
            with self.subTest(arguments), open("/dev/full", "w", encoding="utf-8") as full:
                answer = run_client(*arguments, stdout=full)
                self.assertEqual(answer.returncode, 1, answer)
                self.assertIn("standard output cannot be written", answer.stderr)

    def test_a_missing_or_bad_configuration_is_exit_code_78(self):
        """Whatever the subcommand, where no daemon answers in its place."""
        bad = self.write("Outbax: {}")
        for arguments in ([], ["run"], ["check-config"], ["status"], ["commands"], ["exec", "echo a"], ["reload"], ["running"], ["output", "a"],
                          ["cancel", "a"], ["pause"], ["resume"], ["drain"], ["outbox", "list"], ["outbox", "show", "a"], ["outbox", "retry", "a"],
                          ["outbox", "drop", "a"], ["sessions", "list"], ["sessions", "import", "a"], ["sessions", "export"], ["chat", "hello"]):
            for file, what in ((self.directory / "absent.yaml", "absent.yaml"), (bad, "did you mean 'Outbox'")):
                with self.subTest(arguments, file=file):
                    answer = run_client(*arguments, "--config", file)
                    self.assertEqual(answer.returncode, 78, answer)
                    self.assertIn(what, answer.stderr)

    def test_exec_runs_one_command_without_a_server(self):
        config = self.write("{}")
        answer = run_client("exec", "echo Hello", "--config", config)
        self.assertEqual((answer.returncode, answer.stdout.strip()), (0, "Hello"))
        failed = run_client("exec", "ecko Hello", "--config", config)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("echo", failed.stdout + failed.stderr)

    def begin_exec(self, script, **members):
        """With what it started running, and its folder in `self.base`."""
        self.base = self.directory / "tmp"
        self.base.mkdir()
        pids = self.directory / "pids"
        script = f'touch "$TMPDIR/mine"; {script} echo $$ $! > {pids}.new; mv {pids}.new {pids}; sleep 300 & wait; wait'
        config = self.write(json.dumps({"Commands": {"RunAs": "daemon", "Exec": {"hang": {"Program": script, "Shell": True, **members}}}}))
        program = subprocess.Popen([CLIENT, "exec", "hang", "--config", str(config)], env=clean_environment(TMPDIR=self.base),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(program.kill)
        wait_until(pids.exists, "its program runs", 10)
        return program, [int(pid) for pid in pids.read_text().split()]

    def is_alive(self, pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a zombie's is empty
        except OSError:
            return False

    def test_exec_that_is_ended_takes_everything_along(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                program, pids = self.begin_exec("(trap '' TERM; exec sleep 300) & echo hello;", KillGraceMs=100)
                program.send_signal(number)
                out, err = program.communicate(timeout=20)
                self.assertEqual(program.returncode, 128 + number, (out, err))
                self.assertIn("cancelled", err)
                self.assertEqual([path.name for path in self.base.iterdir()], [])
                self.assertFalse(any(self.is_alive(pid) for pid in pids), pids)
                (self.directory / "pids").unlink()
                self.base.rmdir()

    def test_exec_ends_at_once_at_a_second_signal(self):
        told = self.directory / "told"
        program, pids = self.begin_exec(f"trap 'touch {told}' TERM; (trap '' TERM; exec sleep 300) &", KillGraceMs=60000)
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in pids if self.is_alive(pid)])
        program.send_signal(signal.SIGINT)
        wait_until(told.exists, "its program was told to end", 10)
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
        self.assertEqual(program.returncode, -signal.SIGINT)

    def test_a_session_is_one_that_a_hub_could_name(self):
        config = self.write("{}")
        for verb in ("exec", "chat"):
            for session, why in (("a\nb", "control characters"), ("x" * 257, "longer than 256 bytes")):
                with self.subTest(verb=verb, why=why):
                    answer = run_client(verb, "echo a", "--session", session, "--config", config)
                    self.assertEqual((answer.returncode, answer.stdout), (2, ""), answer)
                    self.assertIn("--session", answer.stderr)
                    self.assertIn(why, answer.stderr)

    def test_exec_as_json_has_session_and_parameters(self):
        config = self.write("{}")
        answer = run_client("exec", "echo a", "--json", "--session", "s-1", "--param", "k=v=w", "--config", config)
        self.assertEqual(answer.returncode, 0, answer)
        result = json.loads(answer.stdout)
        self.assertIn("s-1", json.dumps(result))
        self.assertEqual((result["isSuccess"], result["response"]), (True, "a"))

    def test_commands_lists_builtin_and_exec_commands(self):
        config = self.write(json.dumps(SLOW))
        answer = run_client("commands", "--config", config)
        self.assertEqual(answer.returncode, 0, answer)
        for name in ("echo", "load", "slow"):
            self.assertIn(name, answer.stdout)
        listed = json.loads(run_client("commands", "--json", "--config", config).stdout)
        self.assertIn("slow", json.dumps(listed))

    def test_status_without_a_daemon_is_exit_code_1_and_says_so(self):
        config = self.write(json.dumps({"Monitoring": {"Listen": f"unix:{self.directory / 'nobody.sock'}"}}))
        for flags in ([], ["--json"], ["--ready"]):
            with self.subTest(flags):
                answer = run_client("status", *flags, "--config", config)
                self.assertEqual(answer.returncode, 1, answer)


class StatusTest(DaemonTest):
    MEMBERS = """version uptimeSeconds state connectionId hubUrl lastError activeCommandCount activeCommandIds
        totalCommandsProcessed successfulCommands failedCommands successRate receivedCommands queuedCommands
        detachedCommands rejectedCommands outbox delivery""".split()

    def run_status(self, *flags):
        return run_client("status", *flags, "--config", self.client.config_file)

    def test_status_has_every_member(self):
        link = self.start_all()
        status = self.client.wait_connected()
        for member in self.MEMBERS:
            self.assertIn(member, status)
        for member in ("pending", "deadLetters", "oldestAgeSeconds", "bytes", "writable"):
            self.assertIn(member, status["outbox"])
        for member in ("delivered", "attempts", "retries", "lastError"):
            self.assertIn(member, status["delivery"])
        self.assertIsNone(status["successRate"])
        self.assertEqual(status["connectionId"], "public-1")
        self.assertNotIn("token-1", json.dumps(status))
        link.command("echo a", "a")
        link.command("ecko a", "b")
        self.result("a"), self.result("b")
        status = self.client.wait_status(lambda s: s["totalCommandsProcessed"] == 2, "two processed")
        self.assertEqual((status["successfulCommands"], status["failedCommands"]), (1, 1))
        self.assertEqual(status["successRate"], 0.5)

    def test_running_and_queued_commands_are_seen(self):
        link = self.start_all(config={**SLOW, "Commands": {**SLOW["Commands"], "MaxConcurrent": 2}})
        for n in range(5):
            link.command("slow", f"id-{n}", parameters={"seconds": "1"})
        status = self.client.wait_status(lambda s: s["activeCommandCount"] == 2 and s["queuedCommands"] == 3, "2 + 3")
        self.assertEqual(sorted(status["activeCommandIds"]), ["id-0", "id-1"])
        self.assert_equations(status)
        for n in range(5):
            self.result(f"id-{n}")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 0 and s["queuedCommands"] == 0, "all done")

    def test_the_subcommand_prints_a_table_json_and_readiness(self):
        self.start_all()
        self.client.wait_connected()
        table = self.run_status()
        self.assertEqual(table.returncode, 0, table)
        self.assertIn("Connected", table.stdout)
        self.assertLess(len(table.stdout.splitlines()), 50)
        self.assertEqual(json.loads(self.run_status("--json").stdout)["state"], "Connected")
        ready = self.run_status("--ready")
        self.assertEqual((ready.returncode, ready.stdout), (0, ""))
        self.hub.stop()
        self.client.wait_status(lambda s: s["state"] != "Connected", "not connected")
        self.assertEqual(self.run_status("--ready").returncode, 1)

    def test_http_routes(self):
        self.start_all()
        self.client.wait_connected()
        self.assertEqual(self.client.get("/healthz")[0], 200)
        self.assertEqual(self.client.get("/readyz")[0], 200)
        code, metrics = self.client.get("/metrics")
        self.assertEqual(code, 200)
        for line in metrics.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \S+ .*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [-+0-9.eInfNa]+)$')
        self.assertIn("jiro_", metrics)
        self.assertEqual(self.client.get("/no-such-page")[0], 404)
        self.hub.stop()
        self.client.wait_status(lambda s: s["state"] != "Connected", "not connected")
        self.assertEqual(self.client.get("/healthz")[0], 200)
        self.assertEqual(self.client.get("/readyz")[0], 503)

    def test_the_status_socket_survives_rude_clients(self):
        self.start_all()
        self.client.wait_connected()
        held = []
        for data in (b"", b"\0" * 100, b"GET", b"GET /" + b"a" * 100_000, b"POST /status HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
                     b"GET /status HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b"\x16\x03\x01garbage\r\n\r\n"):
            rude = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            rude.settimeout(2)
            rude.connect(self.client.socket)
            try:
                rude.sendall(data)
            except OSError:
                pass
            held.append(rude)
        idle = []
        for _ in range(200):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(1)
            try:
                connection.connect(self.client.socket)
            except OSError:
                break
            idle.append(connection)
        try:
            # 200 idle connections may keep others out for a while, but not the daemon from its work.
            self.connection().command("echo a", "a")
            self.result("a")
        finally:
            for connection in held + idle:
                connection.close()
        self.client.wait_status(lambda s: s["state"] == "Connected", "the status answers again")
        self.assert_serves()

    def test_what_the_control_socket_says_is_made_printable(self):
        """Whoever has taken the daemon's user may answer in its place, on root's terminal."""
        escape = "\x1b]0;title\x07\x1b[2J"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.directory / "control.sock"))
        listener.listen()
        config = self.directory / "config.yaml"
        config.write_text("{}")

        def answer(status, body):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body)

        every_member = {name: escape for name in ("id", "name", "user", "state", "outcome", "lastError", "errorText", "text", "reason", "closed", "error")}
        answers = ((200, json.dumps({**every_member, "changed": [escape], "wantRestart": [escape], "errorBytes": 9, "kept": False,
                                     "rows": [every_member], "running": [every_member], "sessions": [every_member]})),
                   (422, json.dumps({"error": escape, "errors": [escape]})), (500, escape))
        for verb in (["reload"], ["cancel", "x"], ["output", "x"], ["running"], ["resume"], ["outbox", "list"], ["outbox", "show", "x"],
                     ["outbox", "retry", "x"], ["sessions", "list"]):
            for status, body in answers:
                with self.subTest(verb=verb, status=status):
                    thread = threading.Thread(target=answer, args=(status, body.encode()))
                    thread.start()
                    told = run_client(*verb, "--config", config, environment={"RUNTIME_DIRECTORY": str(self.directory.path)})
                    thread.join()
                    self.assertNotIn("\x1b", told.stdout + told.stderr)
                    self.assertEqual(told.returncode, 0 if status == 200 else 1, told)
                    if status != 200:
                        self.assertIn("\\x1b[2J", told.stderr)

    def test_two_daemons_with_one_status_socket_are_told_apart(self):
        self.start_all()
        self.client.wait_connected()
        second = run_client("run", "--config", self.client.config_file, timeout=20)
        self.assertNotEqual(second.returncode, 0)
        self.assertRegex(second.stderr, r"in use|another|already|lock")
        self.assertTrue(self.client.is_running())
        self.assert_serves()
        self.assertEqual(self.client.stop(), 0)
        self.assertNotEqual(self.client.process.returncode, -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
