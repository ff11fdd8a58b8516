# SPDX-License-Identifier: MIT
"""`jiro-client reload` and `jiro-client outbox`, on a running daemon and on a stopped one."""

import json
import unittest

from harness.case import DaemonTest
from harness.grpc_server import Reply
from harness.programs import run_client


class OperatorCase(DaemonTest):
    def unused_config(self):
        """Of a daemon that was never started."""
        path = self.directory / "unused.yaml"
        path.write_text(json.dumps({"Monitoring": {"Listen": f"unix:{self.directory / 'nobody.sock'}"},
                                    "Outbox": {"Path": str(self.directory / "unused.db")}}))
        return path


class ReloadCommandTest(OperatorCase):
    def reload(self, *flags, environment=None):
        return run_client("reload", *flags, "--config", self.client.config_file, environment=environment)

    def test_it_lists_what_is_in_force_and_what_wants_a_restart(self):
        self.start_all()
        self.client.wait_connected()
        answer = self.reload("--wait")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertIn("nothing changed", answer.stdout)
        self.client.write_config(Logging={"Level": "info"}, Outbox={"MaxBytes": 300000000})
        answer = self.reload("--wait")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertRegex(answer.stdout, r"in force: .*Logging\.Level")
        self.assertRegex(answer.stdout, r"restart: .*Outbox\.MaxBytes")
        self.assert_serves()

    def test_a_broken_file_is_refused_with_every_error_and_changes_nothing(self):
        runtime = self.directory / "run"
        runtime.mkdir()
        environment = {"RUNTIME_DIRECTORY": str(runtime)}
        self.start_all(environment=environment)
        self.client.wait_connected()
        self.client.write_config(Logging={"Level": "loud"}, Commands={"MaxConcurrent": -1})
        answer = self.reload(environment=environment)
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("Logging.Level", answer.stderr)
        self.assertIn("Commands.MaxConcurrent", answer.stderr)
        self.assertIn("old configuration", answer.stderr)
        self.assert_serves()

    def test_the_control_socket_is_there_whatever_listens_for_the_status(self):
        runtime = self.directory / "run"
        runtime.mkdir()
        environment = {"RUNTIME_DIRECTORY": str(runtime)}
        for listen in ("off", "127.0.0.1:0"):
            with self.subTest(listen):
                self.start_client("http://127.0.0.1:1/", "http://127.0.0.1:1", environment=environment,
                                  config={"Monitoring": {"Listen": listen}})
                self.client.wait_log("control.sock")
                answer = self.reload(environment=environment)
                self.assertEqual(answer.returncode, 0, answer)
                self.assertEqual(self.client.stop(), 0)
                self.assertFalse((runtime / "control.sock").exists())

    def test_without_a_daemon_it_says_so(self):
        answer = run_client("reload", "--wait", "--config", self.unused_config())
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("no daemon answers", answer.stderr)


class OutboxCommandTest(OperatorCase):
    def outbox(self, *arguments):
        return run_client("outbox", *arguments, "--config", self.client.config_file)

    def listed(self, *flags):
        answer = self.outbox("list", "--json", *flags)
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        return {row["id"]: row for row in json.loads(answer.stdout)}

    def start_with_undelivered(self, *ids):
        """A daemon whose results have nowhere to go yet."""
        self.start_hub()
        self.start_client(grpc_url="http://127.0.0.1:1")
        link = self.connection()
        for sync_id in ids:
            link.command(f"echo result of {sync_id}", sync_id)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == len(ids), "all pending")

    def test_list_show_and_drop_on_a_running_daemon(self):
        self.start_with_undelivered("a", "b c/%&?", "d")
        rows = self.listed()
        self.assertEqual(list(rows), ["a", "b c/%&?", "d"])
        self.assertEqual((rows["a"]["state"], rows["a"]["outcome"]), ("done", "succeeded"))
        self.assertEqual(list(self.listed("--state", "dead")), [])
        self.assertIn("b c/%&?", self.outbox("list").stdout)
        shown = self.outbox("show", "b c/%&?")
        self.assertEqual(shown.returncode, 0, shown)
        self.assertIn("result of b c", shown.stdout)
        self.assertEqual(self.outbox("drop", "b c/%&?").returncode, 0)
        self.assertEqual(list(self.listed()), ["a", "d"])
        unknown = self.outbox("drop", "nobody")
        self.assertEqual(unknown.returncode, 1)
        self.assertTrue(unknown.stderr)
        self.assertEqual(self.outbox("retry", "a").returncode, 0)

    def test_show_moves_no_cursor(self):
        self.start_with_undelivered("\u009b31m\u202e")
        shown = self.outbox("show", "\u009b31m\u202e")
        self.assertIn("result of", shown.stdout)
        self.assertNotRegex(shown.stdout, "[\u009b\u202e]")

    def test_show_of_the_longest_result(self):
        """Each of its characters is escaped in the answer's JSON."""
        text = '"\x01\n' * 1_000_000
        large = self.directory / "large"
        large.write_text(text)
        self.start_hub()
        self.start_client(grpc_url="http://127.0.0.1:1", config={"Commands": {"Exec": {"large": {
            "Program": ["/bin/cat", str(large)], "MaxOutputBytes": len(text), "Result": "text"}}}})
        self.connection().command("large", "l")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "pending")
        shown = self.outbox("show", "l", "--json")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""), shown.stderr)
        message = json.loads(shown.stdout)["message"]
        self.assertEqual((message["commandSyncId"], message["textResult"]["response"] == text), ("l", True))

    def test_a_waiting_result_is_sent_again_by_hand(self):
        slow = {"Grpc": {"RetryDelayMs": 60000, "MaxRetryDelayMs": 60000}}
        self.start_all(behaviour=lambda message, nth: Reply.status("UNAVAILABLE"), config=slow)
        self.connection().command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1 and s["delivery"]["attempts"] >= 1, "tried once")
        answer = self.outbox("retry", "a")
        self.assertEqual((answer.returncode, answer.stderr, answer.stdout), (0, "", "1 will be sent again\n"))
        answer = self.outbox("retry", "--dead")
        self.assertEqual((answer.returncode, answer.stdout), (0, "0 will be sent again\n"))

    def test_a_stopped_daemons_outbox_can_be_read_and_changed(self):
        self.start_with_undelivered("a", "b")
        self.client.kill()
        self.assertEqual(list(self.listed()), ["a", "b"])
        self.assertIn("result of a", self.outbox("show", "a").stdout)
        self.assertEqual(self.outbox("drop", "a").returncode, 0)
        self.assertEqual(list(self.listed()), ["b"])
        self.start_grpc()
        self.client.write_config(Grpc={"ServerUrl": self.grpc.url})
        self.client.start()
        self.assertEqual(self.result("b").response, "result of b")
        self.assertNotIn("a", self.grpc.accepted)

    def test_a_database_in_use_by_an_unreachable_daemon_is_said_to_be_so(self):
        self.start_client("http://127.0.0.1:1/", "http://127.0.0.1:1", config={"Monitoring": {"Listen": "off"}})
        self.client.wait_log("No hub|Connect|connect|reconnect")
        answer = self.outbox("list")
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("in use by a running daemon", answer.stderr)

    def test_a_daemon_that_never_ran_has_no_outbox(self):
        answer = run_client("outbox", "list", "--config", self.unused_config())
        self.assertEqual(answer.returncode, 1, answer)
        self.assertIn("no outbox at", answer.stderr)

    def test_a_wrong_command_line_is_exit_code_2(self):
        for arguments in ([], ["lost"], ["retry"], ["show"], ["retry", "a", "--dead"], ["list", "--state", "gone"]):
            with self.subTest(arguments):
                self.assertEqual(run_client("outbox", *arguments, "--config", "absent.yaml").returncode, 2)


if __name__ == "__main__":
    unittest.main()
