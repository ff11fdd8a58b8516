# SPDX-License-Identifier: MIT
"""A gRPC port that is none, or a bad one: the result waits, the reason is named, and it arrives when the server is good."""

import itertools
import pathlib
import re
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.hub_server import http_response
from harness.programs import sanitizers


class HostileGrpcTest(DaemonTest):
    def attack(self, reply, pattern=None, times=1, within=60):
        """The first `times` calls get `reply`; the result comes through all the same, unchanged."""
        link = self.start_all(lambda message, nth: reply if message.command_sync_id == "a" and nth <= times else Reply.ok())
        link.command("echo a", "a")
        if pattern:
            wait_until(lambda: self.grpc.attempts["a"] >= 1, "the first attempt", context=self.client.tail)
            self.client.wait_log(pattern)
            self.client.signal(1)  # a parked channel waits for the operator: SIGHUP
        self.result("a", within)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)
        self.assert_serves(link)

    def test_a_call_that_is_reset(self):
        self.attack(Reply.reset())

    def test_goaway_and_the_end(self):
        self.attack(Reply.goaway())

    def test_goaway_now_and_then(self):
        """A proxy ends its connection after every so many calls, in the middle of others: they go out on the next one at once."""
        calls = itertools.count(1)
        link = self.start_all(lambda message, nth: Reply.goaway() if next(calls) % 300 == 0 else Reply.ok())
        ids = [f"id-{number}" for number in range(1000)]
        for command_id in ids:
            link.command(f"echo {command_id}", command_id)
        for command_id in ids:
            self.result(command_id, 30)
        self.assertGreater(next(calls), 1000)
        self.assertEqual(self.client.logged("takes no results|Result not delivered"), [])

    @unittest.skipIf(sanitizers(), "a sanitizer's memory is not the daemon's")
    def test_headers_without_end(self):
        """Each frame of them is within gRPC's limit. The call is ended when they have filled a hundred megabytes, and counts as failed."""
        self.attack(Reply.endless_headers(), "CANCELLED: the server's answer is too long")
        peak = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{self.client.pid}/status").read_text())[1]
        self.assertLess(int(peak) // 1024, 450)

    def test_a_connection_that_is_cut(self):
        self.attack(Reply.cut())

    def test_an_answer_that_is_not_the_message(self):
        self.attack(Reply.body(b"\xff" * 40))

    def test_an_empty_answer_is_success_false(self):
        self.attack(Reply.body(b""))

    def test_an_answer_of_the_wrong_shape(self):
        self.attack(Reply.body(b"\x12\x05hello\x08\x00\x1a\x03abc"))

    def test_html_from_a_proxy_on_http2(self):
        self.attack(Reply.http(200, "text/html", b"<html>Welcome</html>"), "Result not delivered.*reason")

    def test_404_from_a_proxy(self):
        self.attack(Reply.http(404, "text/html", b"<html>no</html>"), "UNIMPLEMENTED")

    def test_502_and_503_from_a_proxy(self):
        self.attack(Reply.http(503, "text/html", b"<html>later</html>"))

    def test_frames_that_break_http2(self):
        self.attack(Reply.frames(b"\xff" * 200))

    def test_headers_that_break_hpack(self):
        self.attack(Reply.frames(b"\0\0\4\1\4\0\0\0\1\xff\xff\xff\xff"))

    def test_an_answer_longer_than_any_is(self):
        self.attack(Reply.body(b"\x12" + b"\x80\x80\x80\x04" + b"x" * (8 << 20)))

    def test_an_answer_with_long_headers(self):
        """gRPC's own limit is 8 KiB; what is below ours says what it says."""
        long = [(f"x-debug-{number}", "y" * 1000) for number in range(40)]
        replies = {"a": Reply.ok(trailers=long), "b": Reply.status("INVALID_ARGUMENT", "x" * 40000),
                   "c": Reply.status("UNAUTHENTICATED", headers=long)}
        link = self.start_all(lambda message, nth: replies[message.command_sync_id])
        for sync_id, pattern in (("a", "Result delivered"), ("b", "not delivered.*INVALID_ARGUMENT: xxx"), ("c", "delivery is parked.*UNAUTHENTICATED")):
            link.command("echo a", sync_id)
            self.client.wait_log(pattern)
        self.assertEqual(dict(self.grpc.attempts), {"a": 1, "b": 1, "c": 1})

    def test_answers_that_gRPC_finds_too_long(self):
        """Each is its own result's trouble: the others go out."""
        trailers = Reply.ok(trailers=[(f"x-debug-{number}", "y" * 1000) for number in range(100)])
        body = Reply.body(b"\x12\xe0\xc6\x5b" + b"x" * 1_500_000)
        replies = {f"bad-{number}": (trailers, body)[number % 2] for number in range(6)}
        link = self.start_all(lambda message, nth: replies.get(message.command_sync_id, Reply.ok()))
        for number in range(6):
            link.command("echo a", f"bad-{number}")
            self.client.wait_log(rf"not delivered.*command_sync_id=bad-{number}\b.*the server's answer is too long")
        for number in range(20):
            link.command("echo a", f"good-{number}")
        for number in range(20):
            self.result(f"good-{number}")
        self.assertEqual(self.client.status()["delivery"]["channel"], "open")
        self.assertEqual(self.client.logged("takes no results"), [])

    def test_silence_ends_with_the_deadline_and_is_tried_again(self):
        link = self.start_all(lambda message, nth: Reply.silence() if nth == 1 else Reply.ok(),
                              config={"Grpc": {"TimeoutMs": 1000}})
        link.command("echo a", "a")
        self.client.wait_log("DEADLINE_EXCEEDED")
        self.result("a", 30)

    def attack_raw(self, raw, within=90, pattern="UNAVAILABLE|INTERNAL|UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED"):
        link = self.start_all(config={"Grpc": {"TimeoutMs": 1500}}, behaviour=None)
        link.command("echo before", "before")
        self.result("before")
        self.client.wait_status(lambda s: s["delivery"]["delivered"] == 1, "the answer to it has arrived")
        self.grpc.raw = raw
        self.grpc.listener.drop_connections()
        link.command("echo a", "a")
        self.client.wait_log(pattern)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1 and s["delivery"]["lastError"], "it waits")
        self.assert_equations()
        self.grpc.raw = None
        self.grpc.listener.drop_connections()
        self.client.signal(1)
        self.result("a", within)
        self.assert_serves(link)

    def test_html_on_http1(self):
        self.attack_raw(lambda sock: (sock.recv(1000), sock.sendall(http_response(200, "<html>hi</html>", "text/html"))))

    def test_garbage_on_the_port(self):
        self.attack_raw(lambda sock: sock.sendall(b"\xde\xad\xbe\xef" * 1000))

    def test_a_port_that_accepts_and_hangs_up(self):
        self.attack_raw(lambda sock: None)

    def test_a_port_that_accepts_and_says_nothing(self):
        def silent(sock):
            while sock.recv(65536):
                pass

        self.attack_raw(silent)

    def test_slow_loris(self):
        import time

        def slow(sock):
            for byte in b"\0\0\0\4\0\0\0\0\0" * 100:
                sock.sendall(bytes([byte]))
                time.sleep(0.2)

        self.attack_raw(slow)


if __name__ == "__main__":
    unittest.main()
