# SPDX-License-Identifier: MIT
"""The log is for its reader: a hub can neither fill it nor hide an error in it, and no word of a peer is longer than a line may be."""

import json
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.hub_server import command_message, http_response

LONG = "x" * 400_000


def records(messages):
    return [json.dumps({"type": 1, "target": "ReceiveCommand", "arguments": [message]}).encode() for message in messages]


class LogBudgetTest(DaemonTest):
    def test_one_id_repeated_for_ever_costs_few_lines_and_hides_nothing(self):
        link = self.start_all()
        link.command("echo once", "cmd-1")
        self.result("cmd-1")
        mark = len(self.client.log.lines)
        batch = records([command_message("echo once", "cmd-1")] * 2000)
        for _ in range(50):
            link.send(*batch)
        link.command("echo last", "cmd-2")
        self.result("cmd-2", within=60)
        for text in ("Command received", "Command ended", "Result delivered"):
            self.client.wait_log(f"{text} .*cmd-2", since=mark)
        self.client.stop(within=60)
        lines = self.client.log.lines[mark:]
        self.assertLess(len(lines), 1000, "\n".join(lines[-20:]))
        told = [line for line in lines if " more were left out in " in line]
        self.assertTrue(told, "\n".join(lines[-20:]))

    def test_ordinary_traffic_loses_no_line(self):
        link = self.start_all()
        for number in range(300):
            link.command("echo a", f"id-{number}")
        wait_until(lambda: len(self.grpc.accepted) == 300, "all have their results", 60, context=self.client.tail)
        for text in ("Command received", "Command ended", "Result delivered"):
            wait_until(lambda text=text: len(self.client.logged(text)) == 300, f"300 lines of {text}", context=self.client.tail)


class LongWordsTest(DaemonTest):
    def longest(self):
        return max(len(line) for line in self.client.log.lines)

    def assert_short(self):
        status = self.client.status()
        self.assertLess(max(map(len, [status.get("connectionId") or "", status.get("lastError") or ""])), 600)
        self.client.stop()
        self.assertLess(self.longest(), 1500, self.client.tail(5)[:3000])

    def test_a_long_close_error(self):
        link = self.start_all()
        link.close(1000, {"error": LONG, "allowReconnect": True})
        self.client.wait_log("lost.*xxxxx")
        self.connection(2)
        self.assert_short()

    def test_a_long_handshake_error(self):
        self.start_hub()
        self.start_grpc()
        self.hub.on_handshake = lambda record: json.dumps({"error": LONG}).encode() + b"\x1e"
        self.start_client()
        self.client.wait_reason("xxxxx")
        self.assert_short()

    def test_a_long_connection_id(self):
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(connectionId=LONG[:20_000]))
        self.start_client()
        self.client.wait_log("Connected to the hub")
        self.assert_short()

    def test_a_long_answer_of_the_result_server(self):
        link = self.start_all(lambda message, nth: Reply.refused(LONG[:20_000]))
        link.command("echo a", "cmd-1")
        self.client.wait_log("xxxxx")
        self.assert_short()


if __name__ == "__main__":
    unittest.main()
