# SPDX-License-Identifier: MIT
"""JSON that means harm, at each entrance: deep, wide and long. The daemon lives, answers, and nothing holds its event loop."""

import contextlib
import json
import threading
import time

from harness.case import DaemonTest, seconds
from harness.hub_server import command_message

MEBIBYTE = 1048576


class JsonTest(DaemonTest):
    @contextlib.contextmanager
    def loop_stays_free(self, limit=1.0):
        """While it lasts /healthz is asked without a pause; no answer may take longer than `limit` seconds."""
        slowest, ended = [0.0], threading.Event()

        def ask():
            while not ended.is_set():
                start = time.monotonic()
                self.assertEqual(self.client.get("/healthz", timeout=30)[0], 200)
                slowest[0] = max(slowest[0], time.monotonic() - start)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield
        finally:
            ended.set()
            asker.join()
        self.assertLess(slowest[0], seconds(limit), self.client.tail())

    def start_with_outputs(self, **outputs):
        """One command for each output and each promise: "deep-graph" prints the output `deep`, and calls it a graph."""
        commands = {}
        for name, text in outputs.items():
            path = self.directory / f"{name}.out"
            path.write_text(text)
            for kind in ("auto", "json", "graph"):
                commands[f"{name}-{kind}"] = {"Program": ["/bin/cat", str(path)], "Result": kind}
        return self.start_all(config={"Commands": {"Exec": commands}})

    def test_output_of_any_depth_costs_no_life(self):
        def graph(data):
            return '{"yAxis":"a","data":' + data

        link = self.start_with_outputs(
            deep=graph("[" * 60_000 + "]" * 60_000 + "}"), open=graph("[" * 1_000_000), braces=graph('{"a":' * 200_000))
        for kind in ("auto", "json", "graph"):
            for name in ("deep", "open", "braces"):
                with self.subTest(output=name, result=kind), self.loop_stays_free():
                    link.command(f"{name}-{kind}", f"{name}-{kind}")
                    message = self.result(f"{name}-{kind}", within=20)
                    self.assertEqual(message.is_success, kind == "auto", message)
                    if kind != "auto":
                        self.assertIn("nested too deeply: more than 64 levels", message.response)
        self.assert_serves(link)

    def test_output_of_any_width_holds_nothing_up(self):
        members = "{" + ",".join(f'"m{i}":[{i}]' for i in range(60_000)) + "}"
        values = "[" + "{}," * 340_000 + "0]"
        link = self.start_with_outputs(members='{"yAxis":"m7","data":' + members + "}", values=values)
        for name in ("members-auto", "members-graph", "members-json", "values-auto", "values-json"):
            with self.subTest(name), self.loop_stays_free():
                link.command(name, name)
                self.assertTrue(self.result(name, within=20).is_success)
        self.assert_serves(link)

    def test_a_record_of_many_members_holds_nothing_up(self):
        link = self.start_all()
        many = {f"m{i}": 0 for i in range(75_000)}
        message = json.dumps({**command_message("echo wide", "wide"), **many}, separators=(",", ":"))
        self.assertGreater(len(message), 0.7 * MEBIBYTE)
        with self.loop_stays_free():
            link.invoke(message)
            self.assertEqual(self.result("wide", within=20).response, "wide")
        late = json.dumps({**many, **command_message("echo late", "late")}, separators=(",", ":"))
        with self.loop_stays_free():
            link.invoke(late, invocation_id="7")
            self.assertEqual(self.result("late", within=20).response, "late")
        parameters = json.dumps(command_message("echo many", "many", parameters=dict.fromkeys(list(many)[:50_000], "v")), separators=(",", ":"))
        with self.loop_stays_free():
            link.invoke(parameters)
            message = self.result("many", within=20)
            self.assertFalse(message.is_success)
            self.assertIn("more than 256 parameters", message.response)
        self.assert_serves(link)

    def test_a_command_of_too_many_values_is_answered(self):
        link = self.start_all()
        many = json.dumps(list(range(100_000)))
        for number, value in enumerate((many, json.dumps({f"m{i}": 0 for i in range(60_000)}))):
            with self.subTest(number), self.loop_stays_free():
                sync_id = f"over {number}"
                message = json.dumps(command_message("echo x", sync_id))[:-1] + f',"more":{value}}}'
                link.send(f'{{"type":1,"target":"ReceiveCommand","arguments":[{message}]}}'.encode())
                result = self.result(sync_id, within=20)
                self.assertFalse(result.is_success)
                self.assertRegex(result.response, "too many")
        for target, error in (("ReceiveCommand", "too many"), ("Other", "provide a result")):
            with self.subTest(target):
                link.send(f'{{"type":1,"invocationId":"{target}","target":"{target}","arguments":[{many}]}}'.encode())
                self.assertIn(error, link.completion(target)["error"])
        self.assert_serves(link)

    def test_a_command_with_a_value_that_cannot_be_read_is_answered(self):
        link = self.start_all()
        for number, (value, reason) in enumerate((("1e400", "number"), (r'"\ud800"', "surrogate"))):
            for form in (str, json.dumps):  # as an object, and as a string that holds it
                with self.subTest(value=value, form=form.__name__):
                    sync_id = f"{number} {form.__name__}"
                    message = json.dumps(command_message("echo x", sync_id))[:-1] + f',"parameters":{{"p":{value}}}}}'
                    link.send(('{"type":1,"target":"ReceiveCommand","invocationId":"%s","arguments":[%s]}'
                               % (sync_id, form(message))).encode())
                    result, answer = self.result(sync_id), link.completion(sync_id)
                    self.assertEqual(result.is_success, reason == "number")  # which is taken by its text
                    if reason == "surrogate":
                        self.assertIn(reason, result.response)
                        self.assertIn(reason, json.dumps(answer))
        self.assertEqual(len(self.hub.connections), 1)
        self.assert_serves(link)

    def test_a_record_of_too_many_values_ends_the_connection_with_a_reason(self):
        link = self.start_all()
        for number, item in enumerate((list(range(100_000)), {f"m{i}": 0 for i in range(60_000)}, [[]] * 300_000)):
            with self.subTest(number), self.loop_stays_free():
                mark, count = len(self.client.log.lines), len(self.hub.connections)
                link.send(json.dumps({"type": 2, "invocationId": "1", "item": item}, separators=(",", ":")).encode())
                self.client.wait_reason("too many (values|members)", since=mark)
                link.wait_closed(context=self.client.tail)
                link = self.hub.connection(count + 1, context=self.client.tail)
                self.assert_serves(link, sync_id=f"after {number}")
