# SPDX-License-Identifier: MIT
"""More commands than the machine can run: each gets its one outcome, and the hub hears the daemon's pings meanwhile."""

import os
import pathlib
import re
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.grpc_server import Reply
from harness.hub_server import command_message
from harness.programs import sanitizers

PING = 6
INTERVAL = seconds(1.0)


class OverloadTest(DaemonTest):
    def test_every_command_gets_its_outcome_and_pings_go_out_on_time(self):
        heard = []
        self.start_hub()
        self.start_grpc()
        self.hub.on_record = lambda connection, record: heard.append((time.monotonic(), record["type"]))
        self.start_client(config={
            "WebSocket": {"KeepAliveIntervalMs": int(INTERVAL * 1000)},
            "Commands": {
                "MaxConcurrent": 16,
                "MaxQueued": 40,
                "Exec": {
                    "burn": {"Program": "while :; do :; done", "Shell": True, "TimeoutMs": 3000, "KillGraceMs": 200},
                    "flood": {"Program": "head -c 30000000 /dev/zero | tr '\\0' x", "Shell": True, "MaxOutputBytes": 50_000},
                },
            },
        })
        link = self.connection()
        texts = ["burn", "flood", "echo hello", "no-such-command"]
        sent = {}
        for number in range(400):  # about five seconds' worth, and never a pause long enough for the queue to empty
            sent[f"id-{number}"] = texts[number % len(texts)]
            link.command(sent[f"id-{number}"], f"id-{number}")
            time.sleep(0.0125)
        wait_until(lambda: len(self.grpc.accepted) == len(sent), "every command has its outcome", 60,
                   context=lambda: f"{len(self.grpc.accepted)} of {len(sent)}\n{self.client.tail()}")

        busy = [sync_id for sync_id, message in self.grpc.accepted.items() if "busy" in message.response]
        self.assertTrue(busy, "the daemon was never overloaded: the test shows nothing")
        self.assertLess(len(busy), len(sent))
        for sync_id in busy:
            self.assertFalse(self.grpc.accepted[sync_id].is_success)
        self.assertEqual(len(self.hub.connections), 1, "the connection was lost")
        self.assertIn(PING, [kind for _, kind in heard])
        # A hub gives up after two intervals without a word, as ASP.NET Core's defaults do (15 s and 30 s).
        times = [at for at, _ in heard]
        longest = max(later - earlier for earlier, later in zip(times, times[1:]))
        self.assertLess(longest, 2 * INTERVAL)
        self.assert_serves(link)

    def test_invocations_that_wait_for_the_results_server_do_not_make_it_deaf(self):
        link = self.start_all(lambda message, number: Reply.status("UNAVAILABLE"),
                              config={"Commands": {"Acknowledge": "delivered"}})
        count = 4200  # more than the connection lets be open
        for start in range(0, count, 100):
            link.send(*({"type": 1, "target": "CommandReceived", "invocationId": f"i-{number}",
                         "arguments": [command_message("echo hi", f"id-{number}")]}
                        for number in range(start, start + 100)))
        link.command("ping", "look", "look", "CommandReceived")
        answer = link.completion("look", 60, context=self.client.tail)["result"]
        self.assertIn("it is kept", answer["Message"])
        self.assertEqual([], [record for record in link.completions() if record["invocationId"] == "i-0"])
        link.send({"type": 5, "invocationId": "i-0"})
        self.assertIn("cancelled", link.completion("i-0", context=self.client.tail)["error"])
        link.send({"type": 7, "allowReconnect": True})
        link.wait_closed(context=self.client.tail)

    def assert_small(self):
        """The most memory that was resident."""
        if sanitizers():
            return
        status = pathlib.Path(f"/proc/{self.client.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024, 150_000_000)

    def test_a_flood_of_big_commands_is_answered_and_memory_stays_bounded(self):
        self.start_hub()
        self.start_grpc()
        gate = self.directory / "gate"
        os.mkfifo(gate)
        hold = {"Program": ["/bin/cat", str(gate)], "TimeoutMs": 600000}
        self.start_client(config={"Commands": {"MaxConcurrent": 1, "Exec": {"hold": hold}}})
        link = self.connection()
        link.command("hold", "hold")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        count = int(os.environ.get("JIRO_TEST_FLOOD", "300"))
        data = "x" * 1_000_000
        sent = [f"big-{number}" for number in range(count)]
        for sync_id in sent:
            link.command("echo ok", sync_id, parameters={"data": data})
        wait_until(lambda: len(self.grpc.accepted) == count - 33, "those beyond 32 MiB are refused", 120,
                   context=lambda: f"{len(self.grpc.accepted)} of {count}\n{self.client.tail()}")
        for message in self.grpc.accepted.values():
            self.assertIn("busy", message.response)
        self.assert_small()
        gate.write_text("")  # lets it end
        wait_until(lambda: len(self.grpc.accepted) == count + 1, "each has its outcome", 60,
                   context=lambda: f"{len(self.grpc.accepted)} of {count}\n{self.client.tail()}")
        self.assertEqual(sum(self.grpc.accepted[sync_id].is_success for sync_id in sent), 33)
        self.assert_small()
        self.assert_serves(link)


if __name__ == "__main__":
    unittest.main()
