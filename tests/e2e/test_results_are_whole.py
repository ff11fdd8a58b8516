# SPDX-License-Identifier: MIT
"""What a server, or a proxy before it, says of a result is believed as far as it proves something, and no further: what waits is sent
soon, what is big is sent whole, and what must be cut is cut to the limit that was named."""

import json
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.programs import run_client

BIG = 2_000_000
YEAR_MS = "31536000000"


class ResultsAreWholeTest(DaemonTest):
    def start_with_a_big_result(self, behaviour, bytes_of_text=BIG):
        config = {
            "Commands": {
                "Exec": {
                    "big": {
                        "Program": f"head -c {bytes_of_text} /dev/zero | tr '\\0' x",
                        "Shell": True,
                        "MaxOutputBytes": 3_000_000,
                    }
                },
            },
            "Grpc": {"RetryDelayMs": 100, "MaxRetryDelayMs": 500},
        }
        link = self.start_all(behaviour, config=config)
        link.command("big", "a")
        return link

    def assert_sent_whole(self, replies, within=60):
        """The first calls get these replies; then the text is accepted, all of it, and the same bytes went out each time."""
        self.start_with_a_big_result(lambda message, nth: replies[nth - 1] if nth <= len(replies) else Reply.ok())
        self.assertEqual(len(self.result("a", within).response), BIG)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)
        self.assertEqual(self.client.logged("too big"), [])

    def test_a_rate_limit_cuts_nothing(self):
        self.assert_sent_whole(
            [
                Reply.status("RESOURCE_EXHAUSTED", "request rate of this tenant exceeds 100 per minute"),
                Reply.status("RESOURCE_EXHAUSTED", "quota used up, try later"),
                Reply.status("RESOURCE_EXHAUSTED", "message too large for the bandwidth that is left"),
            ]
        )

    def test_a_throttled_stream_cuts_nothing(self):
        self.assert_sent_whole([Reply.reset(code=11), Reply.reset(code=11)])  # ENHANCE_YOUR_CALM

    def test_headers_that_are_too_long_cut_nothing(self):
        fat = [("set-cookie", "x" * 100_000)]
        self.assert_sent_whole([Reply.status("UNAVAILABLE", "later", headers=fat)] * 2)

    def test_a_named_limit_is_kept_to_and_the_whole_is_kept(self):
        """The words of gRPC's servers; the whole text stays in the row until the short one is confirmed."""
        limit = 100_000
        confirms = []

        def behaviour(message, nth):
            size = self.grpc.sizes["a"][-1]
            if size > limit:
                return Reply.status("RESOURCE_EXHAUSTED", f"Received message larger than max ({size} vs. {limit})")
            return Reply.ok() if confirms else Reply.status("UNAVAILABLE", "not yet")

        self.start_with_a_big_result(behaviour)
        wait_until(lambda: len(self.grpc.sizes["a"]) >= 2, "the short form", 30, context=self.client.tail)
        self.assertLessEqual(self.grpc.sizes["a"][1], limit)
        self.assertGreater(self.grpc.sizes["a"][1], limit - 200)

        config = self.client.config_file
        shown = run_client("outbox", "show", "a", "--json", "--config", config)
        whole = json.loads(shown.stdout)["whole"]
        self.assertEqual(len(whole["textResult"]["response"]), BIG)

        confirms.append(True)
        response = self.result("a", 60).response
        self.assertIn(f" of {BIG:,} bytes left out: the server accepts at most {limit} bytes ...]", response)
        left_out = BIG - response.count("x")
        self.assertIn(f"[... {left_out:,} of ", response)

    def test_parameters_go_before_the_text(self):
        """The hub knows what it sent; a short answer to a long question goes out whole."""
        limit = 65_536

        def behaviour(message, nth):
            size = self.grpc.sizes["a"][-1]
            return Reply.ok() if size <= limit else Reply.status("RESOURCE_EXHAUSTED", f"Received message larger than max ({size} vs. {limit})")

        link = self.start_all(behaviour)
        link.command("echo hi", "a", parameters={"document": "x" * 100_000})
        message = self.result("a")
        self.assertEqual((message.response, message.parameters), ("hi", {}))
        self.assertEqual(self.grpc.attempts["a"], 2)

    def test_the_operator_sends_the_whole_after_all(self):
        limit = [100_000]

        def behaviour(message, nth):
            size = self.grpc.sizes["a"][-1]
            if size > limit[0]:
                return Reply.status("RESOURCE_EXHAUSTED", f"message size {size} exceeds limit {limit[0]}")
            return Reply.ok() if limit[0] > BIG else Reply.status("INVALID_ARGUMENT", "not like this")

        self.start_with_a_big_result(behaviour)
        self.client.wait_log("not like this", 30)
        limit[0] = 3_000_000

        def retried():
            arguments = ("outbox", "retry", "a", "--whole", "--config", self.client.config_file)
            return run_client(*arguments).returncode == 0

        wait_until(retried, "the whole to be sent again", 30, context=self.client.tail)
        self.assertEqual(len(self.result("a", 30).response), BIG)

    def test_a_proxys_413(self):
        """nginx before gRPC: 1 MiB by default, and no number in its answer."""

        def behaviour(message, nth):
            if self.grpc.sizes["a"][-1] + 5 > 1024 * 1024:
                return Reply.http(413, "text/html", b"<html>413 Request Entity Too Large</html>")
            return Reply.ok()

        self.start_with_a_big_result(behaviour)
        response = self.result("a", 60).response
        self.assertGreater(len(response), 1_000_000)
        self.assertIn("2,000,000 bytes left out", response)
        self.assertEqual(self.grpc.attempts["a"], 2)


class ServersDelayTest(DaemonTest):
    """A server, a proxy or a bad deployment asks to be left alone for a year, once, and is well a second later."""

    def assert_probed_soon(self, reply, times):
        link = self.start_all(lambda message, nth: reply if sum(self.grpc.attempts.values()) <= times else Reply.ok())
        for number in range(4):
            link.command(f"echo {number}", f"id-{number}")
        status = self.client.wait_status(lambda s: s["delivery"]["channel"] != "open", "the channel to close", 30)
        self.assertLessEqual(status["delivery"]["nextAttemptSeconds"], 15 * 60)
        self.client.signal(1)  # and a reload tries at once
        for number in range(4):
            self.result(f"id-{number}", 20)

    def test_a_pushback_of_a_year_while_it_is_away(self):
        reply = Reply.status("UNAVAILABLE", "later", headers=[("grpc-retry-pushback-ms", YEAR_MS)])
        self.assert_probed_soon(reply, 4)

    def test_a_pushback_of_a_year_with_a_refusal(self):
        reply = Reply.status("UNAUTHENTICATED", "no", headers=[("grpc-retry-pushback-ms", "9223372036854775807")])
        self.assert_probed_soon(reply, 1)


if __name__ == "__main__":
    unittest.main()
