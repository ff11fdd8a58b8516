# SPDX-License-Identifier: MIT
"""Commands are kept from starting: by `pause`, across restarts; while a program holds the file `hold`; for a `drain`."""

import fcntl
import json
import os
import subprocess
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.endpoint import Endpoint, Reply
from harness.frozen_thread import frozen, thread_of
from harness.programs import CLIENT, clean_environment, run_client


def shell(script, **members):
    return {"Program": script, "Shell": True, **members}


class PauseTest(DaemonTest):
    def begin(self, commands=None, redo_log=True, chat=None, **settings):
        self.environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        config = {"Commands": {"Exec": commands or {}, **settings}, "Chat": chat or {}}
        self.link = self.start_all(config=config, environment=self.environment, redo_log=redo_log)

    def cli(self, *arguments, exit_code=0):
        done = run_client(*arguments, "--config", self.client.config_file, environment=self.environment)
        self.assertEqual(done.returncode, exit_code, done)
        return done.stdout + done.stderr

    def metric(self, name):
        return next(line for line in self.client.get("/metrics")[1].splitlines() if line.startswith(name + " ")).split()[1]

    def test_what_arrives_waits_until_resume_across_restarts(self):
        self.begin()
        self.assertEqual(self.cli("pause", "--note", "kernel update"), "Paused until `jiro-client resume`; 0 commands go on\n")
        self.link.command("echo one", "one")
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "it waits")
        self.link.command("ping", "ping")
        self.assertEqual(self.result("ping").response, "pong")
        status = self.client.status()
        self.assertEqual(status["paused"], {"why": "paused: kernel update", "refuses": False, "leftSeconds": None})
        self.assertIn("paused: kernel update; commands wait", status["degraded"])
        self.assertEqual(self.metric("jiro_paused"), "1")
        self.assertIn("paused: kernel update", self.cli("status"))

        for nth, signal in ((2, "stop"), (3, "kill")):
            getattr(self.client, signal)()
            self.client.start()
            link = self.connection(nth)
            self.client.wait_status(lambda s: s["paused"] is not None and s["queuedCommands"] == 1, "paused again, and it waits")
        link.command("echo two", "two")
        self.client.wait_status(lambda s: s["queuedCommands"] == 2, "both wait")
        self.assertFalse(self.grpc.accepted.get("one"))

        self.assertEqual(self.cli("resume"), "Resumed\n")
        self.assertEqual(self.result("one").response, "one")
        self.assertEqual(self.result("two").response, "two")
        self.assertEqual(self.metric("jiro_paused"), "0")
        self.assertEqual(self.cli("resume"), "It was not paused\n")
        self.client.stop()
        self.client.start()
        self.client.wait_status(lambda s: s["paused"] is None, "it is not paused after a restart")

    def test_a_note_that_is_too_long_is_refused_by_name(self):
        self.begin()
        answer = run_client("pause", "--note", "n" * 9000, "--config", self.client.config_file, environment=self.environment)
        self.assertEqual(answer.returncode, 2, answer)
        self.assertIn("--note: has 9000 bytes; 500 are the most", answer.stderr)
        self.assertIsNone(self.client.status()["paused"])

    def test_refuses_with_the_note(self):
        self.begin()
        self.cli("pause", "--refuse", "--note", "moving house")
        self.link.command("echo one", "one", invocation_id="i")
        self.assertEqual(self.result("one").response, "paused: moving house")
        self.assertFalse(self.link.completion("i")["result"]["isSuccess"])
        self.link.command("status", "status")
        self.assertEqual(json.loads(self.result("status").response)["paused"]["refuses"], True)
        self.cli("resume")
        self.assert_serves(self.link)

    def test_for_a_time(self):
        self.begin()
        self.assertIn("Paused for 1 s", self.cli("pause", "--for", "1s"))
        self.link.command("echo one", "one")
        self.assertEqual(self.result("one").response, "one")
        self.client.wait_log("its time is over")
        self.assertIn("Paused for 1 d 12 h", self.cli("pause", "--for", "36h"))
        self.assertGreater(self.client.status()["paused"]["leftSeconds"], 36 * 3600 - 60)
        for wrong in ("soon", "10", "-1h", "0s", "400d", "1e99d"):
            self.cli("pause", "--for", wrong, exit_code=2)

    def test_what_waits_for_too_long_says_why(self):
        self.begin(MaxWaitMs=500)
        self.cli("pause", "--note", "kernel update")
        self.link.command("echo one", "one")
        self.assertRegex(self.result("one").response, r"^timed out: it waited \d+ ms for its turn, .*; paused: kernel update$")

    def test_a_program_that_holds_the_file(self):
        self.begin()
        with open(self.directory / "hold") as hold:
            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.link.command("echo one", "one")
            self.client.wait_status(lambda s: s["queuedCommands"] == 1, "it waits")
            self.assertIn("another program holds", self.client.status()["paused"]["why"])
            self.assertIn("No command starts yet: paused: another program holds", self.cli("resume"))
        self.assertEqual(self.result("one").response, "one")
        self.client.wait_status(lambda s: s["paused"] is None, "it is over")

    @unittest.skipUnless(os.geteuid() == 0, "the daemon becomes another user")
    def test_a_hold_that_root_made_is_closed_to_others(self):
        user = 65534
        hold = self.directory / "hold"
        hold.touch()
        hold.chmod(0o644)
        self.directory.path.chmod(0o755)
        os.chown(self.directory.path, user, user)
        environment = {"RUNTIME_DIRECTORY": str(self.directory.path)}
        with open(hold) as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.start_client(config={"Outbox": {"RedoLog": None}}, environment=environment, start=False,
                              wrapper=["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"])
            self.client.config_file.chmod(0o644)
            (self.directory / "state").mkdir(exist_ok=True)
            os.chown(self.directory / "state", user, user)
            self.client.start()
            self.client.wait_status(lambda s: s["paused"] is not None, "root's hold is in force")
            self.assertEqual(hold.stat().st_uid, 0)
        wait_until(lambda: (hold.stat().st_uid, hold.stat().st_mode & 0o777) == (user, 0o600), "it is closed to others", 10)
        with open(hold) as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.client.wait_status(lambda s: s["paused"] is not None, "the new one is in force")

    def test_a_drain_ends_with_its_pause(self):
        go_on = self.directory / "go-on"
        self.begin({"slow": shell(f"while [ ! -e {go_on} ]; do sleep 0.05; done")})
        self.link.command("slow", "slow")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        drain = subprocess.Popen([CLIENT, "drain", "--wait", "--config", str(self.client.config_file)], env=clean_environment(**self.environment),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(drain.kill)
        self.client.wait_status(lambda s: s["paused"] is not None, "it is paused")
        self.assertEqual(self.cli("resume"), "Resumed\n")
        out, err = drain.communicate(timeout=seconds(10))
        self.assertEqual((drain.returncode, out), (1, ""))
        self.assertIn("the pause was ended", err)
        go_on.touch()
        self.result("slow")

    def test_drain(self):
        self.begin({"slow": shell("sleep 1.5; echo done")})
        self.link.command("slow", "slow")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.assertIn("Draining; 1 command goes on", self.cli("drain"))
        self.link.command("echo later", "later")
        self.assertIn("Drained: nothing runs", self.cli("drain", "--wait"))
        self.assertEqual(self.client.status()["activeCommandCount"], 0)
        self.assertEqual(self.result("slow").response, "done\n")
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "what came later waits")
        self.client.stop()
        self.client.start()
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "still")
        self.cli("resume")
        self.assertEqual(self.result("later").response, "later")

    def test_a_pause_refuses_a_tool_that_waits_for_its_turn(self):
        """Whoever called it holds a slot: the drain would wait for as long as the tool may."""

        def answer(request):
            if request["messages"][-1]["role"] == "tool":
                return ["the model was told: ", request["messages"][-1]["content"]]
            raise Reply(200, json.dumps({"choices": [{"message": {"tool_calls": [
                {"id": "t", "type": "function", "function": {"name": "note", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]}))

        model = Endpoint(answer)
        self.addCleanup(model.stop)
        go_on = self.directory / "go-on"
        self.begin({"note": shell([f"while [ ! -e {go_on} ]; do sleep 0.05; done"], Description="Takes a note", MaxConcurrent=1)}, RunAs="daemon",
                   chat={"Model": "m", "Endpoint": model.url, "ApiKey": "k", "Tools": ["note"]})
        self.link.command("note", "note")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.link.command("chat please", "chat", sessionId="s")
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "the tool waits")
        self.cli("pause", "--note", "kernel update")
        self.assertRegex(self.result("chat").response, "the model was told: .*paused: kernel update")
        go_on.touch()
        self.result("note")

    @unittest.skipUnless(os.geteuid() == 0, "stopping a thread of a process that hides itself needs root")
    def test_a_drain_counts_what_is_being_started(self):
        """Its receipt is being committed as running: it starts, whatever the pause says by then."""
        self.begin({"job": shell("echo done")}, redo_log=False)
        with frozen(thread_of(self.client.pid, "outbox")):
            self.link.command("job", "job")
            self.client.wait_log("Command received command_sync_id=job")
            self.assertIn("Draining; 1 command goes on", self.cli("drain"))
            self.assertRegex(self.cli("running"), "(?m)^job +job ")
        self.assertEqual(self.result("job").response, "done\n")
        self.assertIn("Drained: nothing runs", self.cli("drain", "--wait"))

    def test_a_damaged_order_keeps_commands_from_starting(self):
        self.begin()
        self.client.stop()
        order = self.directory / "state" / "outbox.pause.json"
        order.write_text("{")
        self.client.start()
        self.client.wait_log("order to pause cannot be read")
        self.client.wait_status(lambda s: s["paused"] is not None, "paused")
        self.cli("resume")
        self.assertFalse(order.exists())
        self.assert_serves(self.connection(2))


if __name__ == "__main__":
    unittest.main()
