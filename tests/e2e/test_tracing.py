# SPDX-License-Identifier: MIT
"""The trace of a command: from the invocation's headers to the result's metadata, the log and the program's environment."""

from harness.case import DaemonTest
from harness.grpc_server import Reply
from harness.hub_server import command_message
from harness.units import Units

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SHOW = {"show": {"Program": ["/bin/sh", "-c", 'echo "$TRACEPARENT|$TRACESTATE"']}}


class TracingTest(DaemonTest):
    def command(self, text, sync_id, headers=None, **members):
        message = {"type": 1, "target": "ReceiveCommand", "arguments": [command_message(text, sync_id, **members)]}
        if headers is not None:
            message["headers"] = headers
        self.link.send(message)

    def metadata(self, sync_id):
        """Of the call whose result was accepted."""
        self.result(sync_id)
        calls = [call for call in self.grpc.calls if call.message.command_sync_id == sync_id]
        return dict(calls[-1].metadata)

    def start_with_programs(self, **more):
        self.link = self.start_all(config={"Commands": {"Exec": SHOW, **more}, "Logging": {"Level": "debug"}})

    def test_it_goes_out_with_everything(self):
        self.start_with_programs()
        self.command("show", "a", {"traceparent": PARENT, "tracestate": "vendor=1", "other": "x"})
        metadata = self.metadata("a")
        self.assertEqual(self.result("a").response, f"{PARENT}|vendor=1\n")
        self.assertEqual((metadata["traceparent"], metadata["tracestate"]), (PARENT, "vendor=1"))
        self.assertNotIn("other", metadata)
        for line in ("Command received", "Command ended", "Result delivered"):
            self.client.wait_log(rf"{line}.*trace_id={TRACE}")

    def test_the_development_hub_sends_one(self):
        hub = self.start_dev_hub()
        self.start_client(hub.hub_url, hub.grpc_url, config={"Commands": {"Exec": SHOW}})
        self.client.wait_connected()
        answer = hub.run("send", "show", "--header", f"traceparent={PARENT}", "--header", "tracestate=vendor=1")
        self.assertIn(f"{PARENT}|vendor=1", answer.stdout.splitlines(), answer)
        self.assertIn("|", hub.run("send", "show", "--invoke").stdout.splitlines())
        self.assertIn("is not NAME=VALUE", hub.run("send", "show", "--header", "traceparent").stderr)

    def test_without_one_there_is_none(self):
        self.start_with_programs()
        self.command("show", "a")
        self.assertNotIn("traceparent", self.metadata("a"))
        self.assertEqual(self.result("a").response, "|\n")
        self.assertNotIn("trace_id", "\n".join(self.client.log.lines))

    def test_a_bad_one_costs_the_command_nothing(self):
        self.start_with_programs()
        bad = (PARENT + "-", PARENT.upper(), "", "x" * 100000, f"00-{'0' * 32}-b7ad6b7169203331-01", PARENT[:-1] + "\n", "\u202e" * 55)
        for number, value in enumerate(bad):
            self.command("show", f"a{number}", {"TraceParent": value, "tracestate": "vendor=1"})
            self.assertNotIn("traceparent", self.metadata(f"a{number}"))
            self.assertEqual(self.result(f"a{number}").response, "|\n")
        self.client.wait_log(r"traceparent is not valid; it is ignored.*command_sync_id=a1\b")
        self.command("show", "b", {"traceparent": PARENT, "tracestate": "not valid"})
        metadata = self.metadata("b")
        self.assertEqual(metadata["traceparent"], PARENT)
        self.assertNotIn("tracestate", metadata)

    def test_white_space_of_a_tracestate(self):
        """A tab is valid there, and nothing that gRPC takes in metadata: it would abort the process."""
        self.start_with_programs()
        for sync_id, message in (("header", {"headers": {"traceparent": PARENT, "tracestate": "vendor=1,\tother=2"}}),
                                 ("member", {"traceparent": PARENT, "tracestate": "\tvendor=1 ,\tother=2\t"})):
            self.command("show", sync_id, **message)
            self.assertEqual(self.metadata(sync_id)["tracestate"], "vendor=1,other=2")
            self.assertEqual(self.result(sync_id).response, f"{PARENT}|vendor=1,other=2\n")
        self.assert_serves(self.link)

    def test_a_hub_that_sends_no_headers(self):
        self.start_with_programs()
        self.command("show", "a", traceparent=PARENT)
        self.assertEqual(self.metadata("a")["traceparent"], PARENT)

    def test_in_a_unit(self):
        units = Units(self.directory / "units")
        self.addCleanup(units.stop)
        self.start_with_programs(UnitSocket=units.path)
        self.command("show", "a", {"traceparent": PARENT, "tracestate": "vendor=1"})
        self.assertEqual(self.result("a").response, f"{PARENT}|vendor=1\n")

    def test_after_a_restart(self):
        """What waited runs in its trace; the result of what had ended goes out without."""
        self.start_hub()
        self.start_grpc(lambda message, nth: Reply.status("UNAVAILABLE", "later"))
        config = {"Commands": {"Exec": {**SHOW, "slow": {"Program": ["/bin/sleep", "60"]}}, "MaxConcurrent": 1}}
        self.start_client(config=config)
        self.link = self.connection()
        self.command("show", "ended", {"traceparent": PARENT})
        self.client.wait_status(lambda status: status["totalCommandsProcessed"] == 1, "it has ended")
        self.command("slow", "runs", {"traceparent": PARENT})
        self.command("show", "waits", {"traceparent": PARENT})
        self.client.wait_status(lambda status: status["queuedCommands"] == 1, "one waits")
        self.client.kill()
        self.grpc.behaviour = lambda message, nth: Reply.ok()
        self.client.start()
        self.assertEqual(self.result("waits").response, f"{PARENT}|\n")
        for without in ("ended", "runs"):
            self.assertNotIn("traceparent", self.metadata(without))
