# SPDX-License-Identifier: MIT
"""A machine that replaces the C# client: its configuration as it is, its requests, its way to tell commands from texts."""

import json
import os
import signal
import stat
import unittest

from harness.case import DaemonTest, wait_until
from harness.programs import Client, run_client

APPSETTINGS = """{
  // The cloud
  "JiroCloud": {
    "ApiKey": "key-of-the-cloud",
    "ApiUrl": "https://jiro.example/api/",
    "WebSocket": { "HubUrl": "%s", "ReconnectionAttempts": 5, "ReconnectionDelayMs": 100, "ServerTimeoutMs": 600000,
                   "KeepAliveIntervalMs": 15000, "HandshakeTimeoutMs": 15000, "Headers": { "User-Agent": "Jiro-Bot/1.0" } },
    "Grpc": { "ServerUrl": "%s", "MaxRetries": 3, "TimeoutMs": 30000 } /* seconds */
  },
  "Chat": { "AuthToken": "sk-secret-of-chat", "Enabled": true, "Model": "gpt-4o-mini", "TokenLimit": 2000 },
  "ConnectionStrings": { "JiroContext": "Data Source=Data/Database/jiro.db" },
  "DataPaths": { "Logs": "Data/Logs", "Themes": "Data/Themes" },
  "Serilog": { "MinimumLevel": { "Default": "Information" } },
  "Whitelist": true,
}
"""


class AppsettingsTest(DaemonTest):
    def start_with_appsettings(self, **environment):
        self.start_hub()
        self.start_grpc()
        client = self.start_client(start=False)
        client.config_file = self.directory / "appsettings.json"
        client.config_file.write_text(APPSETTINGS % (self.hub.url, self.grpc.url))
        client.config_file.chmod(0o600)
        client.environment = {
            "JIRO_MONITORING__LISTEN": f"unix:{client.socket}", "JIRO_OUTBOX__PATH": str(client.outbox), **environment}
        client.start()
        return self.connection()

    def test_it_is_taken_as_it_is(self):
        link = self.start_with_appsettings(JIRO_COMMANDS__DEFAULT="echo", JIRO_TEST_MODE="0")
        self.assertNotIn("TEST_MODE", "\n".join(self.client.log.lines))
        self.assertEqual(self.hub.requests[0].query.get("api_key"), "key-of-the-cloud")
        text = 'Write me:\n  "a poem"\n\n\tplease'
        link.command(text, "prompt")
        self.assertEqual(self.result("prompt").response, text)
        link.command("$Ping", "command")
        self.assertEqual(self.result("command").response, "pong")
        link.command("$nobody knows", "unknown")
        self.assertEqual(self.result("unknown").response, "$nobody knows")
        link.invoke({"requestId": "r"}, target="ConfigRequested", invocation_id="1")
        config = json.dumps(link.completion("1")["result"])
        self.assertIn("JiroCloud:WebSocket:HubUrl", config)
        for secret in ("key-of-the-cloud", "sk-secret-of-chat"):
            self.assertNotIn(secret, config + "\n".join(self.client.log.lines))
        self.assertEqual(self.client.status()["hubRequests"]["allowed"],
                         ["commands", "sessions", "machine", "config", "logs", "themes"])

    def check(self, *arguments, **options):
        file = self.directory / "appsettings.json"
        file.write_text(APPSETTINGS % ("https://jiro.example/hubs/instanceHub", "https://jiro.example/grpc"))
        return run_client(*[str(file) if word == "FILE" else word for word in arguments], **options)

    def test_check_config_prints_what_each_key_became(self):
        done = self.check("check-config", "--config", "FILE")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"appsettings.json:6: JiroCloud.WebSocket.HubUrl -> WebSocket.HubUrl")
        self.assertEqual(done.stderr.count("means nothing here"), 5, done.stderr)
        self.assertNotIn("secret", done.stderr + done.stdout)

    def test_test_mode_validates(self):
        self.assertEqual(self.check("run", "--test-mode", "--config", "FILE").returncode, 0)
        for word in ("true", "Yes", "1"):
            done = self.check("--config", "FILE", environment={"JIRO_TEST_MODE": word})
            self.assertEqual((done.returncode, "JIRO_TEST_MODE" in done.stderr), (0, False), done.stderr)
        refused = self.check("--config", "FILE", environment={"JIRO_TEST_MODE": "ture"})
        self.assertEqual((refused.returncode, refused.stderr), (78, "JIRO_TEST_MODE: must be true or false, not 'ture'\n"))
        self.assertEqual(self.check("run", "--test-mode", "--config", "FILE", environment={"JIRO_TEST_MODE": "ture"}).returncode, 0)
        bad = {"JIRO_TEST_MODE": "true", "JIRO_JiroCloud__Grpc__MaxRetries": "many"}
        self.assertEqual(self.check("--config", "FILE", environment=bad).returncode, 1)

    def test_migrate_config(self):
        shown = self.check("migrate-config", "FILE")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertNotIn("key-of-the-cloud", shown.stdout)
        output = self.directory / "config.yaml"
        written = self.check("migrate-config", "FILE", "--output", str(output))
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(output).st_mode), 0o600)
        self.assertIn("ApiKey: key-of-the-cloud", output.read_text())
        again = run_client("check-config", "--config", str(output))
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        refused = self.check("migrate-config", "FILE", "--output", str(output))
        self.assertEqual(refused.returncode, 1)
        self.assertIn("cannot be written", refused.stderr)


class RequestTest(DaemonTest):
    def setUp(self):
        super().setUp()
        requests = ["commands", "sessions", "machine", "config", "logs", "themes"]
        self.link = self.start_all(config={"Hub": {"Requests": requests}})

    def ask(self, target, number=[0], **members):
        number[0] += 1
        self.link.invoke({"requestId": f"r-{number[0]}", **members}, target=target, invocation_id=f"i-{number[0]}")
        completion = self.link.completion(f"i-{number[0]}", context=self.client.tail)
        self.assertNotIn("error", completion)
        self.assertEqual(completion["result"]["RequestId"], f"r-{number[0]}")
        return completion["result"]

    def test_what_the_hub_sets_survives_a_restart(self):
        shown = self.ask("ConfigRequested")["Configuration"]["Values"]
        answer = self.ask("ConfigUpdated", configData={**shown, "Commands:TimeoutMs": "4321"})
        self.assertTrue(answer["Success"], answer)
        overlay = self.client.outbox.parent / "hub-settings.json"
        self.assertEqual(stat.S_IMODE(os.stat(overlay).st_mode), 0o600)
        self.assertEqual(self.client.stop(), 0)
        self.client.start()
        self.link = self.connection(2)
        values = self.ask("ConfigRequested")["Configuration"]["Values"]
        self.assertEqual(values["Commands:TimeoutMs"], "4321")

    def test_a_hub_sets_nothing_for_another_daemon_of_the_folder(self):
        first = self.client
        self.start_hub()
        self.start_grpc()
        second = Client(self.directory, self.hub.url, self.grpc.url, name="second",
                        config={"Outbox": {"Path": str(first.outbox.parent / "second.db")}, "Hub": {"Requests": ["config"]}})
        self.addCleanup(self._end, second)
        self.assertTrue(self.ask("ConfigUpdated", configData={"Commands.TimeoutMs": 4321})["Success"])
        for client in (first, second):
            client.signal(signal.SIGHUP)
            client.wait_log("Configuration reloaded")
        self.assertEqual(self.ask("ConfigRequested")["Configuration"]["Values"]["Commands:TimeoutMs"], "4321")
        self.client, self.link = second, self.connection()
        self.assertNotEqual(self.ask("ConfigRequested")["Configuration"]["Values"]["Commands:TimeoutMs"], "4321")

    def test_what_the_hub_has_set_stays_however_it_is_written(self):
        overlay = self.client.outbox.parent / "hub-settings.json"
        overlay.write_text('{ // raised by ops\n  "Commands": { "TimeoutMs": 4321, },\n}\n')
        self.assertTrue(self.ask("ConfigUpdated", configData={"Commands.MaxConcurrent": 3})["Success"])
        self.assertEqual(json.loads(overlay.read_text()), {"Commands": {"MaxConcurrent": 3, "TimeoutMs": 4321}})
        torn = overlay.read_text()[:-3]
        overlay.write_text(torn)
        answer = self.ask("ConfigUpdated", configData={"Commands.MaxConcurrent": 4})
        self.assertFalse(answer["Success"])
        self.assertIn(f"mend or remove its file on the machine: {overlay}:5:", answer["Message"])
        self.assertEqual(overlay.read_text(), torn)

    def test_what_the_operator_has_saved_waits_for_the_reload(self):
        self.client.write_config(WebSocket={"KeepAliveIntervalMs": 14000})
        answer = self.ask("ConfigUpdated", configData={"Commands.TimeoutMs": 4321})
        self.assertTrue(answer["Success"], answer)
        values = self.ask("ConfigRequested")["Configuration"]["Values"]
        self.assertEqual(values["Commands:TimeoutMs"], "4321")
        self.assertEqual(len(self.hub.connections), 1)
        self.client.signal(signal.SIGHUP)
        self.link = self.connection(2)
        self.assertEqual(self.ask("ConfigRequested")["Configuration"]["Values"]["Commands:TimeoutMs"], "4321")

    def test_an_item_for_a_call_that_is_no_stream_ends_its_stream(self):
        self.ask("LogsStreamRequested")
        called = lambda: [record for record in self.link.records if record.get("target") == "ReceiveLogsStream"]
        call = wait_until(called, "the log's stream", context=self.client.tail)[0]
        self.link.send({"type": 2, "invocationId": call["invocationId"], "item": 1})
        self.assertIn("cancel", self.link.completion(call["streamIds"][0], context=self.client.tail)["error"])

    def test_requests_are_seen(self):
        self.ask("MachineInfoRequested")
        self.ask("MachineInfoRequested", filters=5)
        counts = {(row["target"], row["outcome"]): row["count"] for row in self.client.status()["hubRequests"]["counts"]}
        self.assertEqual(counts, {("MachineInfoRequested", "answered"): 1, ("MachineInfoRequested", "malformed"): 1})
        self.client.wait_log("The hub asked target=MachineInfoRequested")
        _, metrics = self.client.get("/metrics")
        self.assertIn('jiro_hub_requests_total{target="MachineInfoRequested",outcome="malformed"} 1', metrics)

    def test_requests_take_no_slot_of_a_command(self):
        self.client.write_config()
        for number in range(200):
            self.link.invoke({"requestId": str(number)}, target="MachineInfoRequested", invocation_id=f"many-{number}")
        self.assert_serves(self.link)
        self.assertEqual(self.client.status()["receivedCommands"], 1)


if __name__ == "__main__":
    unittest.main()
