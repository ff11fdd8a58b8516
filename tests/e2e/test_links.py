# SPDX-License-Identifier: MIT
"""Links that come and go: the hub and the gRPC server away, late, restarted; results wait and arrive."""

import itertools
import signal
import struct
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import STATUS, Reply
from harness.hub_server import HubServer, http_response
from harness.programs import sanitizers
from harness.waiting import holds_for

SLOW = {"Commands": {"Exec": {"slow": {"Program": ["/bin/sleep", "1"]}}}}


class HubLinkTest(DaemonTest):
    def test_a_hub_that_comes_later_is_found(self):
        self.start_hub()
        self.hub.stop()
        self.start_grpc()
        self.start_client()
        self.client.wait_log("refused|connect_failed")
        self.assertTrue(self.client.is_running())
        self.assertEqual(self.client.status()["hubUrl"], self.hub.url)
        self.hub.start()
        self.assert_serves(self.connection())

    def test_after_the_last_attempt_it_is_failed_and_tries_again(self):
        self.start_hub()
        self.hub.stop()
        self.start_grpc()
        self.start_client(config={"WebSocket": {"MaxReconnectionAttempts": 2, "ReconnectionDelayMs": 50,
                                                "MaxReconnectionDelayMs": 50, "FailedRetryDelayMs": 2000}})
        self.client.wait_state("Failed")
        self.hub.start()
        self.assert_serves(self.connection())

    def test_each_way_to_lose_the_connection_leads_back(self):
        def hub_goes(link):
            self.hub.stop()
            self.hub.start()

        ways = {
            "end of file": lambda link: link.abort(),
            "reset": lambda link: link.abort(reset=True),
            "websocket close 1000": lambda link: link.close(1000),
            "websocket close 1001": lambda link: link.close(1001),
            "websocket close 1011": lambda link: link.close(1011),
            "hub close that allows it": lambda link: link.close(1000, {"error": "moving", "allowReconnect": True}),
            "hub restarts": hub_goes,
        }
        self.start_all()
        for nth, (name, leave) in enumerate(ways.items(), 1):
            with self.subTest(name):
                link = self.connection(nth)
                leave(link)
                self.assert_serves(self.connection(nth + 1), f"after {name}")
        self.assertGreaterEqual(len(self.hub.connections), len(ways) + 1)

    def test_a_service_restart_spreads_the_first_attempt_over_5_to_30_seconds(self):
        link = self.start_all()
        link.close(1012)
        status = self.client.wait_state("Reconnecting")
        delay = status.get("nextAttemptSeconds") or status.get("hub", {}).get("nextAttemptSeconds")
        if delay is not None:
            self.assertGreater(delay, 3.5)
        holds_for(lambda: len(self.hub.connections) == 1, "no attempt in the first 3 s", 3)

    def test_a_service_restart_may_be_announced_by_a_close_message(self):
        link = self.start_all()
        record = b'{"type":7,"allowReconnect":true}\x1e'
        link.send_bytes(bytes([0x81, len(record)]) + record + b"\x88\x02" + struct.pack(">H", 1012))
        line = self.client.wait_log("Connection to the hub lost")
        self.assertRegex(line, r"next_attempt_in_ms=([5-9]|[123]\d)\d{3}\b")

    def test_a_hub_that_leaves_tcp_open_behind_its_close_is_left_all_the_same(self):
        link = self.start_all()
        self.hub.holds_closed_connections = True
        link.send({"type": 7, "allowReconnect": True})
        second = self.hub.connection(2, 15, context=self.client.tail)
        self.client.write_config(WebSocket={"Headers": {"X-New": "1"}})
        self.client.signal(signal.SIGHUP)
        self.hub.connection(3, 15, context=self.client.tail)
        self.assertTrue(second.is_closed)

    def test_a_hub_that_forbids_to_come_back_makes_it_failed_with_advice(self):
        link = self.start_all(config={"WebSocket": {"FailedRetryDelayMs": 1500}})
        link.close(1000, {"error": "you are not welcome"})
        self.client.wait_state("Failed")
        self.client.wait_log("you are not welcome")
        self.assert_serves(self.connection(2))

    def test_a_silent_hub_is_left_after_the_server_timeout(self):
        link = self.start_all(config={"WebSocket": {"ServerTimeoutMs": 1000, "KeepAliveIntervalMs": 300}})
        self.client.wait_log("server_timeout|timeout|no (record|message|frame)")
        link.wait_closed()
        self.assertTrue([r for r in link.records if r.get("type") == 6], "it pinged meanwhile")
        self.connection(2)

    def test_a_resume_that_leads_nowhere_is_not_repeated(self):
        """Something in between takes each upgrade and cuts it: one try, then the policy."""
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(useStatefulReconnect=True))
        delays = {"ReconnectionDelayMs": 60000, "MaxReconnectionDelayMs": 60000}
        self.start_client(config={"WebSocket": {"StatefulReconnect": True, **delays}})
        link = self.connection()

        def cut(record):
            raise ConnectionAbortedError

        self.hub.on_handshake = cut
        link.abort()
        self.client.wait_log("trying to resume it")
        self.client.wait_status(lambda s: s["state"] == "Reconnecting", "it waits", 10)
        time.sleep(1)
        self.assertLess(len(self.hub.upgrades()), 5)

    def test_a_new_address_while_the_connection_is_to_be_resumed(self):
        """The connection that was cut has no say any more: the new address is tried at once, without the policy's wait."""
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(useStatefulReconnect=True))
        never = {"MaxReconnectionAttempts": 0, "FailedRetryDelayMs": 3_600_000}
        self.start_client(config={"WebSocket": {"StatefulReconnect": True, **never}})
        link = self.connection()
        self.hub.on_upgrade = lambda request, default: None  # not answered
        link.abort()
        self.client.wait_log("trying to resume it")
        other = HubServer()
        self.addCleanup(other.stop)
        self.client.write_config(WebSocket={"HubUrl": other.url, "StatefulReconnect": True, **never})
        self.client.signal(1)
        self.assert_serves(other.connection(context=self.client.tail))
        self.assertEqual(self.client.logged("The hub cannot be reached"), [])

    def test_pings_of_the_hub_keep_it(self):
        link = self.start_all(config={"WebSocket": {"ServerTimeoutMs": 1500, "KeepAliveIntervalMs": 400}})
        for _ in range(10):
            link.send({"type": 6})
            time.sleep(0.3)  # the hub's own rhythm, not a wait for something
        self.assertFalse(link.is_closed, self.client.tail())
        self.assert_serves(link)

    def test_a_command_that_runs_while_the_connection_is_lost_is_detached_and_delivered(self):
        link = self.start_all(config=SLOW)
        link.command("slow", "a", invocation_id="i-1")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.hub.stop()
        status = self.client.wait_status(lambda s: s["detachedCommands"] == 1, "it is detached")
        self.assertEqual((status["activeCommandCount"], status["activeCommandIds"]), (0, []))
        self.assert_equations(status)
        self.assertTrue(self.result("a").is_success)
        self.client.wait_status(lambda s: s["detachedCommands"] == 0 and s["totalCommandsProcessed"] == 1, "it is counted")

    def test_on_connection_lost_cancel_gives_an_error_result(self):
        config = {"Commands": {"OnConnectionLost": "cancel", "Exec": {"slow": {"Program": ["/bin/sleep", "60"]}}}}
        link = self.start_all(config=config)
        link.command("slow", "a")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.hub.stop()
        message = self.result("a")
        self.assertFalse(message.is_success)
        self.assertIn("connection lost", message.response)

    def test_a_reload_cancels_nothing_that_runs(self):
        config = {"Commands": {"OnConnectionLost": "cancel", "Exec": {"slow": {"Program": ["/bin/sleep", "2"]}}}}
        link = self.start_all(config=config)
        link.command("slow", "a")
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.client.write_config(WebSocket={"KeepAliveIntervalMs": 14000})
        self.client.signal(signal.SIGHUP)
        self.connection(2)
        self.assertTrue(self.result("a").is_success)

    def test_a_command_past_its_time_limit_gives_an_error_result(self):
        link = self.start_all(config={"Commands": {"TimeoutMs": 1000, "Exec": {"slow": {"Program": ["/bin/sleep", "60"]}}}})
        link.command("slow", "a", invocation_id="i")
        message = self.result("a")
        self.assertFalse(message.is_success)
        self.assertRegex(message.response, "tim(e|ed)")
        self.assertFalse(link.completion("i")["result"]["isSuccess"])

    def test_credentials_that_are_refused_make_it_failed_with_advice(self):
        self.start_hub()
        self.start_grpc()
        for status, name in ((401, "unauthorized"), (403, "forbidden")):
            with self.subTest(status):
                self.hub.on_negotiate = lambda request, status=status: http_response(status)
                self.start_client(name=f"client-{status}", config={"Outbox": {"Path": str(self.directory / f"o{status}.db")}})
                self.client.wait_state("Failed")
                self.client.wait_log(rf"{name}|{status}")
                self.client.wait_log("(?i)token|credential|ApiKey")

    def test_retry_after_is_honoured(self):
        self.start_hub()
        times = []

        def negotiate(request):
            times.append(time.monotonic())
            return http_response(503, headers=[("Retry-After", "3")])

        self.hub.on_negotiate = negotiate
        self.start_grpc()
        self.start_client(config={"WebSocket": {"ReconnectionDelayMs": 10, "MaxReconnectionDelayMs": 20}})
        wait_until(lambda: len(times) >= 2, "a second attempt", 15, context=self.client.tail)
        self.assertGreaterEqual(times[1] - times[0], 2.9)


class GrpcLinkTest(DaemonTest):
    def test_results_wait_while_the_server_is_away_and_arrive_when_it_is_back(self):
        self.see_results_wait_and_arrive()

    def test_so_they_do_in_memory_and_leave_no_file(self):
        self.see_results_wait_and_arrive(config={"Outbox": {"Path": ":memory:"}})
        self.assertEqual([str(file) for file in self.directory.path.rglob("*") if ":memory:" in file.name or file.name.startswith("outbox.")], [])
        self.client.stop()

    def see_results_wait_and_arrive(self, **options):
        link = self.start_all(**options)
        self.grpc.stop()
        for n in range(5):
            link.command(f"echo {n}", f"id-{n}")
        status = self.client.wait_status(lambda s: s["outbox"]["pending"] == 5 and s["delivery"]["lastError"], "5 wait, and why")
        self.assertIsNotNone(status["outbox"]["oldestAgeSeconds"])
        self.grpc.start()
        for n in range(5):
            self.result(f"id-{n}", 30)
        status = self.client.wait_status(lambda s: s["outbox"]["pending"] == 0, "nothing waits")
        self.assertIsNone(status["outbox"]["oldestAgeSeconds"])

    def test_a_server_that_was_never_there_is_found(self):
        self.start_hub()
        self.start_grpc()
        self.grpc.stop()
        self.start_client()
        self.connection().command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        self.grpc.start()
        self.result("a", 30)

    def test_results_survive_kill_9_and_a_restart(self):
        link = self.start_all()
        self.grpc.stop()
        link.command("echo keep me", "a", sessionId="s")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        self.client.kill()
        self.grpc.start()
        self.client.start()
        message = self.result("a", 30)
        self.assertEqual((message.response, message.session_id), ("keep me", "s"))

    def test_a_lost_reply_is_sent_again_byte_for_byte(self):
        link = self.start_all(lambda message, nth: Reply.lost() if nth == 1 else Reply.ok())
        link.command("echo a", "a")
        wait_until(lambda: self.grpc.attempts["a"] >= 2, "it is sent again", 20, context=self.client.tail)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 0, "confirmed")

    def test_unauthenticated_parks_and_goes_on_at_once_after_a_reload(self):
        token = self.directory / "token"
        token.write_text("wrong-token")
        token.chmod(0o600)

        def behaviour(message, nth):
            call_token = self.grpc_token()
            return Reply.ok() if call_token == "Bearer right-token" else Reply.status("UNAUTHENTICATED", "who are you")

        self.start_hub()
        self.start_grpc(behaviour)
        seen = []
        take = self.grpc.take
        self.grpc.take = lambda data, metadata: (seen.append(metadata.get("authorization")), take(data, metadata))[1]
        self.grpc_token = lambda: seen[-1]
        self.start_client(config={"WebSocket": {"AccessTokenFile": str(token)}})
        link = self.connection()
        for n in range(3):
            link.command(f"echo {n}", f"id-{n}")
        self.client.wait_log("UNAUTHENTICATED|parked")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 3, "3 wait")
        attempts = len(seen)
        holds_for(lambda: len(seen) <= attempts + 2, "a parked channel does not hammer", 2)
        self.assertFalse(self.client.status()["outbox"]["deadLetters"])
        token.write_text("right-token")
        self.client.signal(signal.SIGHUP)
        for n in range(3):
            self.result(f"id-{n}", 10)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 0, "nothing waits")

    def test_a_server_that_answers_false_is_asked_again(self):
        link = self.start_all(lambda message, nth: Reply.refused("database is away") if nth <= 2 else Reply.ok())
        link.command("echo a", "a")
        self.result("a", 20)
        self.assertEqual(self.grpc.attempts["a"], 3)
        self.assertEqual(len(self.grpc.hashes["a"]), 1)

    def test_a_failing_result_does_not_hold_up_the_others(self):
        link = self.start_all(lambda message, nth: Reply.status("INTERNAL") if message.command_sync_id == "bad" else Reply.ok())
        link.command("echo a", "bad")
        for n in range(10):
            link.command(f"echo {n}", f"id-{n}")
        for n in range(10):
            self.result(f"id-{n}", 20)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "the bad one alone waits")


class GrpcStatusTest(DaemonTest):
    """Each status code: what is retried comes through; what is refused for good is kept where the operator sees it."""

    RETRIED = ["CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNAVAILABLE", "RESOURCE_EXHAUSTED"]
    PARKED = ["UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"]
    REFUSED = ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "DATA_LOSS"]

    def test_every_status_is_in_one_of_the_lists(self):
        self.assertEqual(set(self.RETRIED + self.PARKED + self.REFUSED) | {"OK", "ALREADY_EXISTS"}, set(STATUS))

    def test_what_passes_is_tried_again(self):
        link = self.start_all(lambda message, nth: Reply.status(message.command_sync_id) if nth == 1 else Reply.ok())
        for name in self.RETRIED:
            with self.subTest(name):
                link.command("echo a", name)
                self.result(name, 60)
                self.assertEqual(len(self.grpc.hashes[name]), 1)

    def test_an_answer_is_one_attempt(self):
        """Only a connection that ended is repeated at once; a server that sheds load gets the documented delays."""
        link = self.start_all(lambda message, nth: Reply.status("UNAVAILABLE") if message.command_sync_id == "b" and nth < 3 else Reply.ok())
        link.command("echo a", "a")
        self.result("a")
        link.command("echo b", "b")
        self.result("b")
        attempts = [call.metadata["attempt"] for call in self.grpc.calls if call.message.command_sync_id == "b"]
        self.assertEqual(attempts, ["1", "2", "3"])
        by_status = {"OK": 2, "UNAVAILABLE": 2}
        self.client.wait_status(lambda s: s["delivery"]["attemptsByStatus"] == by_status, "each call is an attempt")

    @unittest.skipIf(sanitizers(), "gRPC's own header makes it one of its enumeration")
    def test_a_status_that_grpc_does_not_have_is_unknown(self):
        odd = itertools.cycle((17, 99, 2147483647))
        link = self.start_all(lambda message, nth: Reply("status", code=next(odd), message="odd", headers=()) if nth == 1 else Reply.ok())
        for name in "abc":
            link.command("echo a", name)
            self.result(name)
        by_status = {"OK": 3, "UNKNOWN": 3}
        self.client.wait_status(lambda s: s["delivery"]["attemptsByStatus"] == by_status, "counted under its name")
        self.client.wait_log("UNKNOWN: status 2147483647: odd")

    def test_a_call_that_a_reload_cancels_counts_for_nothing(self):
        self.start_hub()
        self.start_grpc(lambda message, nth: Reply.silence())
        self.start_client()
        for name in "abcde":
            self.connection().command("echo a", name)
        wait_until(lambda: len(self.grpc.attempts) == 1, "one is on its way", context=self.client.tail)
        self.start_grpc()
        self.client.write_config(Grpc={"ServerUrl": self.grpc.url})
        self.client.signal(signal.SIGHUP)
        for name in "abcde":
            self.result(name)
        self.client.wait_status(lambda s: s["delivery"]["attemptsByStatus"] == {"OK": 5}, "nothing else is counted")
        self.assertIsNone(self.client.status()["delivery"]["lastError"])

    def test_already_exists_is_delivered(self):
        link = self.start_all(lambda message, nth: Reply.status("ALREADY_EXISTS"))
        link.command("echo a", "a")
        self.client.wait_status(lambda s: s["delivery"]["delivered"] == 1 and s["outbox"]["pending"] == 0, "delivered")
        self.assertEqual(self.grpc.attempts["a"], 1)

    def test_what_concerns_the_whole_channel_parks_it(self):
        for name in self.PARKED:
            with self.subTest(name):
                parked = [True]
                self.start_hub()
                self.start_grpc(lambda message, nth, name=name, parked=parked: Reply.status(name) if parked[0] else Reply.ok())
                self.start_client(name=name, config={"Outbox": {"Path": str(self.directory / f"{name}.db")}})
                self.connection().command("echo a", "a")
                self.client.wait_log("delivery is parked")
                self.client.wait_status(lambda s: s["outbox"]["pending"] == 1 and s["outbox"]["deadLetters"] == 0, "kept")
                parked[0] = False
                self.client.signal(signal.SIGHUP)
                self.result("a")

    def test_what_is_refused_is_kept_and_named(self):
        self.start_all(lambda message, nth: Reply.status(message.command_sync_id) if message.command_sync_id in STATUS else Reply.ok())
        link = self.connection()
        for name in self.REFUSED:
            link.command("echo a", name)
            wait_until(lambda name=name: self.grpc.attempts[name] >= 1, f"{name} is sent", 20, context=self.client.tail)
        status = self.client.wait_status(
            lambda s: s["outbox"]["pending"] + s["outbox"]["deadLetters"] == len(self.REFUSED), "all are kept")
        self.assertTrue(status["delivery"]["lastError"])
        for name in self.REFUSED:
            self.client.wait_log(name)
        self.assert_serves(link)


if __name__ == "__main__":
    unittest.main()
