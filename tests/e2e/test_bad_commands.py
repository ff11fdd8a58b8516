# SPDX-License-Identifier: MIT
"""Commands that no good hub sends: a named error in the log or an error result, and the next good command is served."""

import json
import re
import unittest

from harness.case import DaemonTest, wait_until
from harness.hub_server import command_message


class BadCommandTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.link = self.start_all()

    def assert_refused(self, pattern, argument=None, arguments=None, target="ReceiveCommand"):
        """Counted, named in the log, answered when asked; the connection stays and the daemon serves."""
        before = self.client.wait_connected()["rejectedCommands"]
        mark = len(self.client.log.lines)
        self.link.invoke(argument, target=target, arguments=arguments)
        # Repeats of one reason are summarised in the log, so the answer must name it too.
        self.client.wait_status(lambda status: status["rejectedCommands"] > before, "it is counted")
        number = len(self.link.completions())
        self.link.invoke(argument, target=target, arguments=arguments, invocation_id=f"asked-{mark}-{number}")
        completion = self.link.completion(f"asked-{mark}-{number}", context=self.client.tail)
        self.assertTrue(self.client.logged(pattern) or re.search(pattern, str(completion)), completion)
        if "error" not in completion:
            self.assertFalse(completion["result"]["isSuccess"], completion)
            self.assertTrue(completion["result"]["errors"], completion)
        self.assertFalse(self.link.is_closed, self.client.tail())
        status = self.client.status()
        self.assert_equations(status)
        return status["rejectedCommands"] - before

    def test_a_message_without_id_is_counted_logged_and_answered_with_an_error(self):
        for message in ({"command": "echo a"}, {"command": "echo a", "commandSyncId": None},
                        {"command": "echo a", "commandSyncId": ""}, {"command": "echo a", "commandSyncId": 17},
                        {"command": "echo a", "commandSyncId": "x" * 100_000},
                        {"command": "echo a", "commandSyncId": "a\nb\x1b[31m"}):
            with self.subTest(str(message)[:60]):
                rejected = self.assert_refused("commandSyncId|command_sync_id", message)
                self.assertEqual(rejected, 2)
        self.assertEqual(self.grpc.results(), [])
        self.assert_serves(self.link)

    def test_an_argument_that_is_no_command_message(self):
        for argument in (None, 17, True, [], ["echo a"], "not json", "[1,2]", '"text"', '{"command": ', "{}" * 3, ""):
            with self.subTest(repr(argument)):
                self.assert_refused("(?i)object|json|argument|commandSyncId", argument)
        self.assert_serves(self.link)

    def test_too_many_or_too_few_arguments(self):
        self.assert_refused("(?i)argument", arguments=[])
        self.link.invoke(None, arguments=[command_message("echo a", "a"), {"later": "addition"}], invocation_id="i")
        self.link.completion("i", context=self.client.tail)
        self.assert_serves(self.link)

    def test_members_of_wrong_types_get_an_error_result_under_their_id(self):
        cases = {
            "command number": {"command": 5},
            "command null": {"command": None},
            "command missing": {},
            "command object": {"command": {"x": 1}},
            "parameters list": {"command": "echo a", "parameters": ["a"]},
            "parameters text": {"command": "echo a", "parameters": "a=b"},
            "parameter object": {"command": "echo a", "parameters": {"a": {"b": 1}}},
            "session number": {"command": "echo a", "sessionId": 5},
            "instance object": {"command": "echo a", "instanceId": {}},
        }
        for name, message in cases.items():
            with self.subTest(name):
                self.link.invoke({"commandSyncId": name, **message})
                result = self.result(name)
                self.assertFalse(result.is_success, result)
                self.assertTrue(result.response)
        self.assert_serves(self.link)

    def test_a_10_megabyte_command_is_an_error_result_where_the_frame_may_be_so_long(self):
        self.client.kill()
        self.client.write_config(WebSocket={"MaxMessageBytes": 16 << 20})
        self.client.start()
        self.link = self.connection(2)
        self.link.command("echo " + "x" * (10 << 20), "huge")
        result = self.result("huge", 20)
        self.assertFalse(result.is_success)
        self.assertRegex(result.response, r"\d+ bytes|too long")
        self.link.command("echo a", "many", parameters={f"p{n}": "v" * 100 for n in range(50_000)})
        self.assertFalse(self.result("many", 20).is_success)
        self.assert_serves(self.link)

    def test_a_result_that_is_too_big_is_an_error_result(self):
        self.client.kill()
        self.client.write_config(Commands={"MaxResultBytes": 4096})
        self.client.start()
        self.link = self.connection(2)
        self.link.command("echo " + "x" * 100_000, "big")
        result = self.result("big")
        self.assertFalse(result.is_success, result)
        self.assertLess(len(result.raw), 8192)
        self.assert_serves(self.link)

    def test_an_unknown_target_is_named_and_answered(self):
        self.link.invoke({"x": 1}, target="FormatDisk", invocation_id="i")
        completion = self.link.completion("i", context=self.client.tail)
        self.assertIn("error", completion)
        self.client.wait_log("FormatDisk")
        self.link.invoke({"x": 1}, target="bad\x1b[2J\nname\u202e" * 3, invocation_id="j")
        self.link.completion("j", context=self.client.tail)
        self.assertFalse(self.client.logged("\x1b"), "escapes from the hub reach the terminal")
        self.assert_serves(self.link)

    def test_the_same_id_twice_runs_once(self):
        self.link.command("echo a", "a")
        self.result("a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 0, "delivered")
        self.link.command("echo a", "a", invocation_id="again")
        self.link.completion("again", context=self.client.tail)
        self.assert_serves(self.link)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)
        self.assertEqual(self.client.status()["totalCommandsProcessed"], 2)

    def test_the_same_id_twice_in_one_frame_runs_once(self):
        message = {"type": 1, "target": "ReceiveCommand", "arguments": [command_message("echo a", "a")]}
        self.link.send(*[message] * 20)
        self.result("a")
        self.assert_serves(self.link)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)
        self.assertEqual(self.client.status()["totalCommandsProcessed"], 2)

    def test_the_same_id_with_other_content_is_refused_and_reported(self):
        self.link.command("echo first", "a")
        self.result("a")
        mark = len(self.client.log.lines)
        self.link.command("echo second", "a", invocation_id="i")
        completion = self.link.completion("i", context=self.client.tail)
        self.assertTrue("error" in completion or not completion["result"]["isSuccess"], completion)
        self.client.wait_log("Another command came under", since=mark)
        self.assert_serves(self.link)
        self.assertEqual([m.response for m in self.grpc.results("a")], ["first"] * len(self.grpc.results("a")))
        self.assertEqual(self.client.status()["rejectedCommands"], 1)

    def test_10000_commands_in_one_frame(self):
        records = [json.dumps({"type": 1, "target": "ReceiveCommand",
                               "arguments": [{"command": "ping", "commandSyncId": f"f{n}"}]}).encode() for n in range(10_000)]
        frame = b"\x1e".join(records) + b"\x1e"
        self.link.send_frame(frame)
        wait_until(lambda: len(self.grpc.accepted) >= 10_000, "10,000 outcomes", 120, poll=0.1,
                   context=lambda: f"{len(self.grpc.accepted)} came\n" + self.client.tail(20))
        self.assert_serves(self.connection())
        status = self.client.status()
        self.assertEqual(status["receivedCommands"] + status["rejectedCommands"], 10_001)
        self.assertTrue(all(m.is_success or "busy" in m.response.lower() for m in self.grpc.results()))

    def test_invocation_ids_of_every_kind(self):
        self.link.command("echo a", "a", invocation_id="x" * 10_000)
        self.link.completion("x" * 10_000, context=self.client.tail)
        self.link.command("echo a", "b", invocation_id="")
        self.result("b")
        self.assert_serves(self.connection())


if __name__ == "__main__":
    unittest.main()
