# SPDX-License-Identifier: MIT
"""Signals: an orderly stop, one at once, and a reload with a good and a bad file."""

import os
import signal
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.frozen_thread import frozen, thread_of
from harness.grpc_server import Reply
from harness.notify_socket import NotifySocket

SLOW = {"Commands": {"Exec": {"slow": {"Program": ["/bin/sleep", "{seconds}"], "Parameters": {"seconds": {"Pattern": "[0-9.]+"}}}}}}


class StopTest(DaemonTest):
    def stop_in_order(self, number):
        link = self.start_all(config=SLOW)
        link.command("slow", "running", invocation_id="i-1", parameters={"seconds": "1.5"})
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.client.signal(number)
        self.client.wait_log("(?i)stopping")
        self.assertEqual(self.client.wait_exit(), 0, self.client.tail())
        self.assertTrue(self.grpc.accepted["running"].is_success)
        link.wait_closed()
        self.assertTrue(link.said_close(), link.records)
        self.assertEqual(link.close_code, 1000)
        self.assertTrue(link.completion("i-1")["result"]["isSuccess"])
        self.assertGreaterEqual(link.closed_at, self.grpc.accepted_at["running"])

    def test_sigterm_finishes_delivers_and_says_goodbye(self):
        self.stop_in_order(signal.SIGTERM)

    def test_sigint_likewise(self):
        self.stop_in_order(signal.SIGINT)

    def test_an_idle_daemon_stops_quickly(self):
        link = self.start_all()
        started = time.monotonic()
        self.assertEqual(self.client.stop(), 0, self.client.tail())
        self.assertLess(time.monotonic() - started, 3)
        self.assertTrue(link.said_close())

    def test_what_comes_while_it_stops_runs_once_or_never(self):
        """A hub that waits may send it elsewhere, so it never runs here; what nobody waits for runs after the restart."""
        ran = self.directory / "ran"
        note = {"note": {"Program": ["/bin/sh", "-c", f'echo "$JIRO_COMMAND_ID" >> {ran}']}}
        link = self.start_all(config={"Commands": {"Exec": {**SLOW["Commands"]["Exec"], **note}, "MaxConcurrent": 1}})
        link.command("slow", "running", parameters={"seconds": "3"})
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        for target in ("ReceiveCommand", "CommandReceived"):
            link.command("note", f"waiting-{target}", invocation_id=f"waiting-{target}", target=target)
        self.client.wait_status(lambda s: s["queuedCommands"] == 2, "two wait")
        self.client.signal(signal.SIGTERM)
        self.client.wait_log("(?i)stopping")
        for target in ("ReceiveCommand", "CommandReceived"):
            link.command("note", f"late-{target}", invocation_id=f"late-{target}", target=target)
        link.command("note", "unattended")
        told = {name: link.completion(name, context=self.client.tail)["result"] for kind in ("late", "waiting")
                for name in (f"{kind}-ReceiveCommand", f"{kind}-CommandReceived")}
        self.assertFalse(told["late-ReceiveCommand"]["isSuccess"], told)
        self.assertIn("failed: the client is stopping", told["late-CommandReceived"]["Message"])
        for message in (told["waiting-ReceiveCommand"]["message"], told["waiting-CommandReceived"]["Message"]):
            self.assertIn("waits in the journal for the next start", message)
        self.assertTrue(told["waiting-ReceiveCommand"]["isSuccess"] and told["waiting-CommandReceived"]["IsSuccess"], told)
        self.assertEqual(self.client.wait_exit(), 0)
        self.assertTrue(self.grpc.accepted["running"].is_success)
        for target in ("ReceiveCommand", "CommandReceived"):
            self.assertEqual(self.grpc.accepted[f"late-{target}"].response, "the client is stopping")
        self.assertFalse(ran.exists())
        self.client.start()
        kept = {"waiting-ReceiveCommand", "waiting-CommandReceived", "unattended"}
        for name in kept:
            self.assertTrue(self.result(name).is_success)
        self.connection(2).command("note", "late-ReceiveCommand")  # as a hub may that did not see the answer
        self.assert_serves(self.connection(2))
        self.assertEqual(sorted(ran.read_text().split()), sorted(kept))

    def test_the_second_signal_stops_at_once(self):
        link = self.start_all(config=SLOW)
        link.command("slow", "a", parameters={"seconds": "50"})
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.client.signal(signal.SIGTERM)
        self.client.wait_log("(?i)stopping")
        started = time.monotonic()
        self.client.signal(signal.SIGTERM)
        self.client.wait_exit(10)
        self.assertLess(time.monotonic() - started, 8)
        # The outcome is not lost: it went out, or goes out after the next start.
        self.client.start()
        message = self.result("a", 20)
        self.assertFalse(message.is_success)

    def end_program(self, at_term, second_signal, in_memory, **members):
        """Stops the daemon while a program runs that does `at_term` when it is told to end; returns its result, which was accepted before the exit."""
        begun = self.directory / f"begun-{in_memory}"
        program = {"Program": f"trap '{at_term}' TERM; touch {begun}; while :; do sleep 0.1; done", "Shell": True, **members}
        told = NotifySocket(self.directory / f"notify-{in_memory}")
        outbox = {"Outbox": {"Path": ":memory:"}} if in_memory else {}
        commands = {"Commands": {"StopLimitMs": 60000 if second_signal else 100, "Exec": {"it": program}}}
        link = self.start_all(config={**commands, **outbox}, redo_log=not in_memory, environment={"NOTIFY_SOCKET": told.path})
        link.command("it", "a")
        wait_until(begun.exists, "it runs", context=self.client.tail)
        self.client.signal(signal.SIGTERM)
        if second_signal:
            self.client.wait_log("(?i)stopping: ")
            self.client.signal(signal.SIGTERM)
        self.assertEqual(self.client.wait_exit(40), 0, self.client.tail())
        at, limit = [(at, int(text.partition("=")[2]) / 1e6) for at, text in told.told if text.startswith("EXTEND_TIMEOUT_USEC=")][-1]
        self.assertLess(time.monotonic() - at, limit, "it took longer than systemd was told")
        self.assertEqual(self.client.logged("to the hub lost"), [])
        link.wait_closed()
        self.assertTrue(link.said_close(), link.records)
        self.assertIn("a", self.grpc.accepted, self.client.tail())
        return self.grpc.accepted["a"].response

    def test_a_cancelled_program_is_waited_for(self):
        for in_memory in (False, True):
            with self.subTest(in_memory=in_memory):
                self.assertRegex(self.end_program("sleep 3; echo saved >&2; exit 0", False, in_memory), r"(?s)shutting down; .*\bsaved")
                self.hub.stop(), self.grpc.stop()

    def test_at_the_second_signal_only_for_a_moment(self):
        for in_memory in (False, True):
            with self.subTest(in_memory=in_memory):
                result = self.end_program("echo told >&2", True, in_memory, KillGraceMs=600000)
                self.assertRegex(result, r"(?s)shutting down; .*\btold")
                self.hub.stop(), self.grpc.stop()

    def test_a_program_with_a_long_grace_does_not_hold_up_the_stop(self):
        self.assertIn("shutting down", self.end_program("", False, False, KillGraceMs=600000))

    def test_a_reload_that_comes_at_its_end_does_not_kill_it(self):
        link = self.start_all(lambda m, a: Reply.status("UNAVAILABLE"))
        for i in range(20):
            link.command("echo x", f"kept-{i}")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 20, "they are kept")
        self.client.signal(signal.SIGTERM)
        while self.client.is_running():
            try:
                self.client.signal(signal.SIGHUP)
            except ProcessLookupError:
                break
            time.sleep(0.001)  # many within the last milliseconds
        self.assertEqual(self.client.wait_exit(), 0, self.client.tail())
        self.assertTrue(self.client.logged("Stopped$"), self.client.tail())

    @unittest.skipUnless(os.geteuid() == 0, "stopping a thread of a process that hides itself needs root")
    def test_a_disk_that_hangs_does_not_keep_the_hub_waiting(self):
        link = self.start_all()
        link.command("echo x", "a", invocation_id="1")
        self.result("a")
        with frozen(thread_of(self.client.pid, "outbox")):
            self.client.signal(signal.SIGTERM)
            link.wait_closed()
            self.assertTrue(link.said_close(), self.client.tail())
        self.assertEqual(self.client.wait_exit(), 0, self.client.tail())

    def test_queued_commands_are_not_lost_by_a_stop(self):
        link = self.start_all(config={**SLOW, "Commands": {**SLOW["Commands"], "MaxConcurrent": 1}})
        for n in range(4):
            link.command("slow", f"id-{n}", parameters={"seconds": "1"})
        self.client.wait_status(lambda s: s["queuedCommands"] == 3, "3 wait")
        self.assertEqual(self.client.stop(), 0, self.client.tail())
        self.client.start()
        for n in range(4):
            self.result(f"id-{n}", 20)

    def test_it_stops_while_both_servers_are_away(self):
        self.start_hub(), self.start_grpc()
        self.hub.stop(), self.grpc.stop()
        self.start_client()
        self.client.wait_log("refused|connect_failed")
        self.assertEqual(self.client.stop(), 0, self.client.tail())

    def test_it_stops_while_the_hub_does_not_read_the_close(self):
        self.start_hub()
        self.start_grpc()
        self.hub.on_accept = lambda sock: sock.recv(1) and time.sleep(60)
        self.start_client()
        wait_until(lambda: self.hub.listener.accepted >= 1, "it connects")
        started = time.monotonic()
        self.assertEqual(self.client.stop(), 0, self.client.tail())
        self.assertLess(time.monotonic() - started, 10)

    def test_it_stops_while_the_hub_leaves_tcp_open_behind_the_close(self):
        link = self.start_all()
        self.hub.holds_closed_connections = True
        started = time.monotonic()
        self.assertEqual(self.client.stop(), 0, self.client.tail())
        self.assertIsNotNone(link.close_code)
        self.assertLess(time.monotonic() - started, 10)

    def test_results_that_cannot_be_delivered_do_not_hold_up_the_stop_and_are_kept(self):
        link = self.start_all(lambda message, nth: Reply.status("UNAVAILABLE"))
        for n in range(10):
            link.command(f"echo {n}", f"id-{n}")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 10, "10 wait")
        self.assertEqual(self.client.stop(), 0, self.client.tail())
        self.client.wait_log("(?i)undelivered")
        self.grpc.behaviour = lambda message, nth: Reply.ok()
        self.client.start()
        for n in range(10):
            self.result(f"id-{n}", 30)


class ReloadTest(DaemonTest):
    def test_a_good_file_comes_into_force_and_the_connection_stays(self):
        link = self.start_all()
        self.client.write_config(Commands={"Default": "echo"}, Logging={"Level": "trace"})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("(?i)reloaded")
        link.command("whatever comes", "a")
        message = self.result("a")
        self.assertTrue(message.is_success, message)
        self.assertFalse(link.is_closed)
        self.assertEqual(len(self.hub.connections), 1)

    def test_a_bad_file_is_refused_with_its_place_and_the_old_one_stays(self):
        link = self.start_all()
        good = self.client.config_file.read_text()
        for text in ("WebSocket: {HubUrll: x}\n", "{", "", "- a", "Commands: {MaxConcurrent: -5}", "\0\0\0"):
            with self.subTest(repr(text)):
                mark = len(self.client.log.lines)
                self.client.config_file.write_text(text)
                self.client.signal(signal.SIGHUP)
                if text == "":
                    # No hub in it: allowed or refused, but said.
                    self.client.wait_log("(?i)reload", since=mark)
                    continue
                line = self.client.wait_log("(?i)reload refused", since=mark)
                self.assertIn("client.yaml:", line)
        self.client.config_file.unlink()
        mark = len(self.client.log.lines)
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("(?i)reload refused", since=mark)
        self.client.config_file.write_text(good)
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("(?i)reloaded", since=mark)
        self.assert_serves(self.connection())

    def test_a_new_hub_is_gone_to(self):
        from harness.hub_server import HubServer

        self.start_all()
        other = HubServer()
        self.addCleanup(other.stop)
        self.client.write_config(WebSocket={"HubUrl": other.url})
        self.client.signal(signal.SIGHUP)
        self.assert_serves(other.connection(context=self.client.tail))

    def test_a_new_grpc_server_gets_what_waits(self):
        from harness.grpc_server import GrpcServer

        link = self.start_all()
        self.grpc.stop()
        link.command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        other = GrpcServer()
        self.addCleanup(other.stop)
        self.client.write_config(Grpc={"ServerUrl": other.url})
        self.client.signal(signal.SIGHUP)
        self.grpc = other
        self.result("a")

    def test_100_reloads_in_a_row_with_commands_under_way(self):
        link = self.start_all(config=SLOW)
        for n in range(100):
            link.command("echo a", f"id-{n}")
            self.client.write_config(Commands={"MaxQueued": 100 + n})
            self.client.signal(signal.SIGHUP)
        for n in range(100):
            self.result(f"id-{n}", 20)
        self.assert_serves(link)


if __name__ == "__main__":
    unittest.main()
