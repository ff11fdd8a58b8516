# SPDX-License-Identifier: MIT
"""The main job: hub -> command -> handler -> gRPC -> hub, seen from both its ends."""

import json
import re
import unittest

from harness.case import DaemonTest, wait_until
from harness.hub_server import command_message

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


class ResultTest(DaemonTest):
    """What a result holds."""

    def setUp(self):
        super().setUp()
        self.link = self.start_all()

    def run_command(self, text, sync_id="c-1", **members):
        self.link.command(text, sync_id, **members)
        return self.result(sync_id)

    def test_a_result_holds_what_the_command_came_with(self):
        message = self.run_command("echo Hello Jiro", sessionId="session 7", parameters={"colour": "blue", "n": "1"})
        self.assertEqual(message.command_name, "echo")
        self.assertEqual(message.command_type, 0)
        self.assertEqual(message.response, "Hello Jiro")
        self.assertEqual(message.text_type, "PLAIN")
        self.assertTrue(message.is_success)
        self.assertEqual(message.command_sync_id, "c-1")
        self.assertEqual(message.session_id, "session 7")
        self.assertEqual(message.parameters, {"colour": "blue", "n": "1"})

    def test_a_leading_dollar_is_not_part_of_the_name(self):
        message = self.run_command("$echo x")
        self.assertEqual((message.command_name, message.response), ("echo", "x"))

    def test_the_argument_may_be_a_string_that_holds_the_object(self):
        self.link.command("echo from text", "c-1", as_string=True, sessionId="s")
        message = self.result("c-1")
        self.assertEqual((message.response, message.session_id), ("from text", "s"))

    def test_member_names_are_matched_in_any_case_and_unknown_ones_ignored(self):
        self.link.invoke({"COMMAND": "echo a", "CommandSyncID": "c-1", "SessionId": "s", "added": [{"later": 1}]})
        message = self.result("c-1")
        self.assertEqual((message.response, message.session_id), ("a", "s"))

    def test_a_missing_null_or_empty_session_gets_a_uuid_of_its_own(self):
        self.link.command("echo a", "missing")
        self.link.command("echo a", "null", sessionId=None, parameters=None)
        sessions = [self.result(sync_id).session_id for sync_id in ("missing", "null")]
        for session in sessions:
            self.assertRegex(session, UUID)
        self.assertEqual(len(set(sessions)), 2)

    def test_parameters_that_are_numbers_and_booleans_arrive_as_their_json_text(self):
        message = self.run_command("echo a", parameters={"n": 42, "f": 1.5, "yes": True, "text": "t"})
        self.assertEqual(message.parameters, {"n": "42", "f": "1.5", "yes": "true", "text": "t"})

    def test_text_of_every_kind_comes_back_as_it_was(self):
        for number, text in enumerate(["Zażółć gęślą jaźń", "日本語 😀", "<&>", "\u202eabc", "a\u0301"]):
            message = self.run_command(f"echo {text}", f"text-{number}")
            self.assertTrue(message.is_success, message)
            self.assertEqual(message.response, text)

    def test_an_unknown_command_is_an_error_that_names_the_nearest(self):
        message = self.run_command("ecko Hello", sessionId="s")
        self.assertFalse(message.is_success)
        self.assertEqual((message.session_id, message.text_type), ("s", "PLAIN"))
        self.assertIn("echo", message.response)

    def test_a_command_without_name_is_an_error(self):
        for number, text in enumerate(["   ", "$", "''"]):
            message = self.run_command(text, f"blank-{number}")
            self.assertFalse(message.is_success, message)

    def test_an_unclosed_quote_is_an_error(self):
        message = self.run_command('echo "abc')
        self.assertFalse(message.is_success)
        self.assertRegex(message.response, "quote")

    def test_no_answer_goes_to_a_hub_that_did_not_ask(self):
        self.run_command("echo a")
        self.run_command("echo b", "c-2")
        self.assertEqual(self.link.completions(), [])
        self.assertEqual(self.link.bad, [])

    def test_both_targets_and_a_completion_for_a_hub_that_asks(self):
        """The seed's target in the seed's form, today's in the contract's."""
        forms = {"ReceiveCommand": ("isSuccess", "message", "errors", "requestId"), "CommandReceived": ("IsSuccess", "Message", "Errors", "RequestId")}
        for target, (is_success, message, errors, request_id) in forms.items():
            with self.subTest(target):
                self.link.command("echo done", f"id-{target}", invocation_id=f"i-{target}", target=target)
                completion = self.link.completion(f"i-{target}", context=self.client.tail)
                self.assertNotIn("error", completion)
                result = completion["result"]
                self.assertEqual(set(result), {is_success, message, errors, request_id})
                self.assertEqual((result[is_success], result[errors], result[request_id]), (True, [], f"id-{target}"))
                self.assertIsInstance(result[message], str)
                self.assertTrue(self.result(f"id-{target}").is_success)

    def test_a_failed_command_completes_with_its_errors(self):
        self.link.command("no-such-command", "c-1", invocation_id="i-1")
        result = self.link.completion("i-1", context=self.client.tail)["result"]
        self.assertFalse(result["isSuccess"])
        self.assertEqual(result["requestId"], "c-1")
        self.assertTrue(result["errors"] and all(isinstance(error, str) and error for error in result["errors"]))
        self.assertFalse(self.result("c-1").is_success)

    def test_other_message_types_and_targets_are_passed_over(self):
        self.link.send({"type": 6}, {"type": 99, "x": 1}, {"type": 3, "invocationId": "never-asked", "result": 1})
        self.link.invoke("x", target="NobodyKnowsThis")
        self.assert_serves(self.link)


class BuiltinCommandTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.link = self.start_all()

    def run_command(self, text):
        self.link.command(text, f"id of {text}")
        return self.result(f"id of {text}")

    def test_help_names_every_command(self):
        message = self.run_command("help")
        self.assertTrue(message.is_success)
        for name in ("help", "echo", "ping", "version", "status", "sysinfo", "load"):
            self.assertIn(name, message.response)

    def test_help_of_one_command(self):
        self.assertIn("echo", self.run_command("help echo").response)
        self.assertFalse(self.run_command("help no-such-command").is_success)

    def test_ping_and_version(self):
        self.assertTrue(self.run_command("ping").is_success)
        self.assertRegex(self.run_command("version").response, r"\d+\.\d+\.\d+")

    def test_status(self):
        self.assertTrue(self.run_command("status").is_success)

    def test_sysinfo_is_json(self):
        message = self.run_command("sysinfo")
        self.assertEqual(message.text_type, "JSON")
        information = json.loads(message.response)
        text = message.response.lower()
        for word in ("kernel", "cpu", "mem", "disk", "uptime", "host", "os"):
            self.assertIn(word, text, information)

    def test_load_is_a_graph_with_axes_and_units(self):
        message = self.run_command("load")
        self.assertEqual(message.command_type, 1, message)
        graph = message.graph
        data = json.loads(graph["data"].decode("utf-8"))
        columns = data if isinstance(data, dict) else {key: [row[key] for row in data] for key in data[0]}
        self.assertIn(graph["x"], columns)
        for axis in graph["y"].split(","):
            self.assertIn(axis.strip(), columns)
        self.assertTrue(graph["units"])
        self.assertLessEqual(set(graph["units"]), set(columns))


class ManyCommandsTest(DaemonTest):
    def send_many(self, link, count):
        for start in range(0, count, 50):
            link.send(
                *(
                    {"type": 1, "target": "ReceiveCommand", "arguments": [
                        command_message(f"echo text {n}", f"id-{n}", sessionId=f"s-{n % 7}", parameters={"n": str(n)})]}
                    for n in range(start, min(start + 50, count))
                )
            )

    def check_exactly_once(self, count, within):
        wait_until(
            lambda: len(self.grpc.accepted) >= count, f"{count} results", within, context=self.client.tail
        )
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 0, "the outbox is empty")
        self.assertEqual(len(self.grpc.results()), count)
        for n in range(count):
            message = self.grpc.accepted[f"id-{n}"]
            self.assertEqual(
                (message.response, message.session_id, message.parameters),
                (f"text {n}", f"s-{n % 7}", {"n": str(n)}),
            )
        status = self.client.status()
        self.assert_equations(status)
        self.assertEqual((status["receivedCommands"], status["successfulCommands"]), (count, count))
        self.assertEqual(status["delivery"]["delivered"], count)

    def test_20_at_once(self):
        self.send_many(self.start_all(), 20)
        self.check_exactly_once(20, 10)

    def test_1000_at_once(self):
        self.send_many(self.start_all(), 1000)
        self.check_exactly_once(1000, 60)

    def test_more_than_may_wait_are_answered_busy_and_none_is_forgotten(self):
        link = self.start_all(config={"Commands": {"MaxConcurrent": 1, "MaxQueued": 10,
                                                   "Exec": {"slow": {"Program": ["/bin/sleep", "0.3"]}}}})
        for n in range(30):
            link.command("slow", f"id-{n}")
        results = [self.result(f"id-{n}", 30) for n in range(30)]
        busy = [message for message in results if not message.is_success]
        self.assertTrue(all("busy" in message.response.lower() for message in busy), busy)
        self.assertGreaterEqual(len(busy), 15)
        self.assertGreaterEqual(len(results) - len(busy), 10)
        self.assert_equations()


class InstanceTest(DaemonTest):
    def test_a_command_for_another_instance_is_refused(self):
        link = self.start_all(config={"InstanceId": "machine-a"})
        link.invoke(command_message("echo a", "mine") | {"instanceId": "machine-a"})
        link.invoke(command_message("echo a", "theirs") | {"instanceId": "machine-b"}, invocation_id="i")
        self.assertTrue(self.result("mine").is_success)
        completion = link.completion("i", context=self.client.tail)
        self.assertFalse(completion.get("result", {}).get("isSuccess", False))
        self.assertFalse(self.result("theirs").is_success)
        self.assert_equations()


class AcknowledgeTest(DaemonTest):
    def test_received_completes_before_the_command_has_ended(self):
        link = self.start_all(config={"Commands": {"Acknowledge": "received",
                                                   "Exec": {"slow": {"Program": ["/bin/sleep", "1.5"]}}}})
        link.command("slow", "c-1", invocation_id="i-1")
        result = link.completion("i-1", within=1.2, context=self.client.tail)["result"]
        self.assertEqual((result["isSuccess"], result["requestId"]), (True, "c-1"))
        self.assertNotIn("c-1", self.grpc.accepted)
        self.assertTrue(self.result("c-1").is_success)
        self.assertEqual(len(link.completions()), 1)


class DevelopmentHubTest(DaemonTest):
    """The same way with the hub that comes with the product, as the README has it."""

    def test_send_prints_what_came_back_over_grpc(self):
        hub = self.start_dev_hub()
        self.start_client(hub.hub_url, hub.grpc_url)
        self.client.wait_connected()
        answer = hub.run("send", "echo Hello Jiro")
        self.assertEqual(answer.returncode, 0, answer)
        self.assertIn("Hello Jiro", answer.stdout)
        self.assertNotEqual(hub.run("send", "ecko").returncode, 0)
        for text, code in (("echo a", 0), ("ecko", 1)):
            completed = hub.run("send", text, "--wait", "completion")
            self.assertIn("completion: ", completed.stdout)
            self.assertEqual(completed.returncode, code, completed)
        many = hub.run("send", "echo one of many", "--count", "200", "--parallel")
        self.assertEqual(many.returncode, 0, many)
        graph = hub.run("send", "load")
        self.assertEqual(graph.returncode, 0, graph)
        self.assert_equations()

    def test_token_and_api_key_open_both_doors(self):
        hub = self.start_dev_hub("--token", "a-bearer-token", "--api-key", "an-api-key")
        self.start_client(hub.hub_url, hub.grpc_url,
                          config={"ApiKey": "an-api-key", "WebSocket": {"AccessToken": "a-bearer-token"}})
        self.client.wait_connected()
        self.assertEqual(hub.run("send", "echo a").returncode, 0)


if __name__ == "__main__":
    unittest.main()
