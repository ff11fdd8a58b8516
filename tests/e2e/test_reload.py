# SPDX-License-Identifier: MIT
"""A reload does what it says: for each key that the reference does not mark as needing a restart, a running daemon shows the new
value at work."""

import json
import pathlib
import re
import shutil
import signal
import ssl
import unittest

from harness.case import DaemonTest, wait_until
from harness.certificates import Authority
from harness.grpc_server import Reply
from harness.hub_server import http_response
from harness.listener import Listener
from harness.signing import Signer
from harness.units import Units

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = 86_400_000

ASSISTANT = ("tests/unit/assistant/assistant_test.cpp", "an_update_is_in_force_with_the_next_question")
ASSISTANT_RELOADED = ("tests/e2e/test_chat.py", "test_a_reload_switches_it_on_and_changes_it")

# Hours must pass before these show, the unit test moves the clock; or another test does it: the assistant is given its section
# whole, and one of its own shows each key of it.
SHOWN_BY_UNIT_TEST = {
    "Outbox.MaxAgeHours": ("tests/unit/delivery/courier_test.cpp", "takes_new_settings_while_it_runs"),
    **{f"Chat.{key}": ASSISTANT_RELOADED for key in ("Enabled", "Model", "Endpoint", "ApiKey", "ApiKeyFile", "Tools")},
    **{f"Chat.{key}": ASSISTANT for key in (
        "SystemPrompt", "SystemPromptFile", "MaxTokens", "Temperature", "Stream", "TimeoutMs", "ConnectTimeoutMs", "IdleTimeoutMs",
        "ContextTokens", "MaxToolCalls", "Proxy", "Tls.CaFile", "Tls.CertificateFile", "Tls.PrivateKeyFile", "Tls.Verify",
        "MaxSessions", "MaxAgeDays", "MaxBytes")},
}


def keys_of_the_reference():
    """Key -> whether it needs a restart, from the tables that config_test writes from the schema."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    tables = text.partition("<!-- keys: begin")[2].partition("### One definition in")[0]
    rows = re.findall(r"^\| `([A-Za-z.]+)` \|(.*)$", tables, re.MULTILINE)
    return {key: "*Change: needs a restart.*" in row for key, row in rows}


class ReloadEffectsTest(DaemonTest):
    WAIT = {"Exec": {"wait": {"Program": ["/bin/sleep", "60"]}}}

    def reload(self, **changes):
        since = len(self.client.log.lines)
        self.client.write_config(**changes)
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("Configuration reloaded", since=since)

    def until(self, predicate, what, within=15.0):
        return wait_until(predicate, what, within, context=self.client.tail)

    def calls(self, sync_id):
        return [call for call in self.grpc.calls if call.message.command_sync_id == sync_id]

    def test_every_key_is_shown_or_needs_a_restart(self):
        keys = keys_of_the_reference()
        self.assertGreater(len(keys), 40)
        for key, needs_restart in keys.items():
            with self.subTest(key):
                is_shown = hasattr(self, "test_" + key.replace(".", "_"))
                if key in SHOWN_BY_UNIT_TEST:
                    file, name = SHOWN_BY_UNIT_TEST[key]
                    is_shown = name in (ROOT / file).read_text()
                self.assertNotEqual(is_shown, needs_restart)

    def test_a_restart_stays_wanted(self):
        self.start_all()
        for _ in range(2):
            since = len(self.client.log.lines)
            self.reload(Outbox={"MaxBytes": 9_000_000})
            self.client.wait_log(r"wait for a restart.*Outbox\.MaxBytes", since=since)

    # Top level and credentials

    def test_InstanceId(self):
        link = self.start_all()
        link.command("echo a", "a", instanceId="other")
        self.assertTrue(self.result("a").is_success)
        self.reload(InstanceId="me")
        link.command("echo b", "b", instanceId="other")
        self.assertIn("not the instance", self.result("b").response)

    def shows_credential(self, metadata, **changes):
        link = self.start_all()
        self.reload(**changes)
        link.command("echo a", "a")
        self.result("a")
        self.assertIn("the-new-one", self.calls("a")[0].metadata.get(metadata, ""))
        link.abort()
        self.connection(2)
        request = self.hub.requests[-1]
        self.assertIn("the-new-one", request.query.get("api_key", "") + request.headers.get("authorization", ""))

    def secret_file(self):
        path = self.directory / "secret"
        path.write_text("the-new-one")
        path.chmod(0o600)
        return str(path)

    def test_ApiKey(self):
        self.shows_credential("x-api-key", ApiKey="the-new-one")

    def test_ApiKeyFile(self):
        self.shows_credential("x-api-key", ApiKeyFile=self.secret_file())

    def test_WebSocket_AccessToken(self):
        self.shows_credential("authorization", WebSocket={"AccessToken": "the-new-one"})

    def test_WebSocket_AccessTokenFile(self):
        self.shows_credential("authorization", WebSocket={"AccessTokenFile": self.secret_file()})

    # The hub

    def test_WebSocket_HubUrl(self):
        self.start_all()
        old = self.hub
        self.start_hub()
        self.reload(WebSocket={"HubUrl": self.hub.url})
        self.assert_serves(self.connection())
        self.assertTrue(old.connections[0].said_close())

    def reconnects_soon_after(self, before, after):
        link = self.start_all(config={"WebSocket": {"MaxReconnectionAttempts": -1, **before}})
        self.reload(WebSocket=after)
        self.assertEqual(len(self.hub.connections), 1)
        link.abort()
        self.connection(2)

    def test_WebSocket_ReconnectionDelayMs(self):
        self.reconnects_soon_after({"ReconnectionDelayMs": LONG, "MaxReconnectionDelayMs": LONG}, {"ReconnectionDelayMs": 50})

    def test_WebSocket_MaxReconnectionDelayMs(self):
        self.reconnects_soon_after({"ReconnectionDelayMs": LONG, "MaxReconnectionDelayMs": LONG}, {"MaxReconnectionDelayMs": 50})

    def start_refused(self, **websocket):
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(503)
        self.start_client(config={"WebSocket": websocket})
        self.until(self.hub.negotiations, "an attempt")

    def test_WebSocket_MaxReconnectionAttempts(self):
        self.start_refused(MaxReconnectionAttempts=-1, FailedRetryDelayMs=LONG)
        self.reload(WebSocket={"MaxReconnectionAttempts": 1})
        self.client.wait_state("Failed")

    def test_WebSocket_FailedRetryDelayMs(self):
        self.start_refused(MaxReconnectionAttempts=1, FailedRetryDelayMs=LONG)
        self.client.wait_state("Failed")
        self.reload(WebSocket={"FailedRetryDelayMs": 50})
        attempts = len(self.hub.negotiations())
        self.until(lambda: len(self.hub.negotiations()) >= attempts + 4, "more attempts")

    def test_WebSocket_HandshakeTimeoutMs(self):
        self.start_hub()
        self.hub.on_handshake = lambda record: None
        self.start_grpc()
        self.start_client(config={"WebSocket": {"HandshakeTimeoutMs": LONG}})
        self.until(self.hub.upgrades, "an attempt")
        self.reload(WebSocket={"HandshakeTimeoutMs": 100})
        self.hub.listener.drop_connections()
        attempts = len(self.hub.upgrades())
        self.until(lambda: len(self.hub.upgrades()) >= attempts + 3, "attempts that are given up")

    def test_WebSocket_KeepAliveIntervalMs(self):
        self.start_all()
        self.reload(WebSocket={"KeepAliveIntervalMs": 50})
        link = self.connection(2)
        self.until(lambda: [record for record in link.records if record.get("type") == 6][3:], "pings")

    def test_WebSocket_ServerTimeoutMs(self):
        self.start_all()
        self.reload(WebSocket={"ServerTimeoutMs": 200})
        self.client.wait_log(r"Server timeout \(200")

    def test_WebSocket_Headers(self):
        self.start_all()
        self.reload(WebSocket={"Headers": {"X-Site": "vienna"}})
        self.assertEqual(self.connection(2).request.headers.get("x-site"), "vienna")

    def test_WebSocket_SkipNegotiation(self):
        self.start_all()
        self.reload(WebSocket={"SkipNegotiation": True})
        self.connection(2)
        self.assertEqual(len(self.hub.negotiations()), 1)

    def test_WebSocket_StatefulReconnect(self):
        self.start_all()
        self.reload(WebSocket={"StatefulReconnect": True})
        self.connection(2)
        self.assertEqual(self.hub.negotiations()[-1].query.get("useStatefulReconnect"), "true")

    def test_WebSocket_MaxMessageBytes(self):
        self.start_all()
        self.reload(WebSocket={"MaxMessageBytes": 1024})
        link = self.connection(2)
        link.command("echo " + "x" * 2000, "a")
        link.wait_closed()

    def shows_proxy(self, section):
        asked = []

        def serve(sock):
            asked.append(sock.recv(4096))

        link = self.start_all()
        proxy = Listener(serve)
        self.addCleanup(proxy.stop)
        self.reload(**{section: {"Proxy": f"http://127.0.0.1:{proxy.port}"}})
        if section == "Grpc":
            link.command("echo x", "a")
        self.until(lambda: asked, "a request to the proxy")

    def test_WebSocket_Proxy(self):
        self.shows_proxy("WebSocket")

    def test_Grpc_Proxy(self):
        self.shows_proxy("Grpc")

    def test_AllowInsecure(self):
        self.start_all(config={"Commands": self.WAIT})
        self.client.write_config(WebSocket={"HubUrl": "http://hub.invalid/hub"})
        self.client.signal(signal.SIGHUP)
        self.client.wait_log("Reload refused.*is not encrypted")
        self.reload(AllowInsecure=True)
        self.client.wait_log("hub.invalid.*did not resolve|resolv")

    # TLS. The authority's own certificate serves as the client's.

    def tls_context(self, authority, asks_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("server"))
        if asks_client:
            context.load_verify_locations(authority.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @unittest.skipUnless(shutil.which("openssl"), "needs the openssl program")
    def shows_tls(self, section, client_certificate, before, after):
        authority = Authority(self.directory.path)
        places = {"CA": str(authority.file), "KEY": str(authority.file.with_suffix(".key"))}
        fill = lambda tls: {name: places.get(value, value) for name, value in tls.items()}
        context = self.tls_context(authority, client_certificate)
        self.start_hub(tls=context if section == "WebSocket" else None)
        self.start_grpc(tls=context if section == "Grpc" else None)
        self.start_client(config={section: {"Tls": fill(before)}})
        if section == "Grpc":
            self.connection().command("echo a", "a")
            self.client.wait_log("Result not delivered|takes no results|attempt failed")
            self.reload(Grpc={"Tls": fill(after)})
            self.result("a")
        else:
            self.client.wait_log("Connecting to the hub failed")
            self.reload(WebSocket={"Tls": fill(after)})
            self.connection(1)

    CLIENT_PAIR = {"CertificateFile": "CA", "PrivateKeyFile": "KEY"}

    def test_WebSocket_Tls_CaFile(self):
        self.shows_tls("WebSocket", False, {}, {"CaFile": "CA"})

    def test_WebSocket_Tls_Verify(self):
        self.shows_tls("WebSocket", False, {}, {"Verify": False})

    def test_WebSocket_Tls_CertificateFile(self):
        self.shows_tls("WebSocket", True, {"CaFile": "CA"}, self.CLIENT_PAIR)

    test_WebSocket_Tls_PrivateKeyFile = test_WebSocket_Tls_CertificateFile  # they are given together

    def test_Grpc_Tls_CaFile(self):
        self.shows_tls("Grpc", False, {}, {"CaFile": "CA"})

    def test_Grpc_Tls_CertificateFile(self):
        self.shows_tls("Grpc", True, {"CaFile": "CA"}, self.CLIENT_PAIR)

    test_Grpc_Tls_PrivateKeyFile = test_Grpc_Tls_CertificateFile

    # Results

    def test_Grpc_ServerUrl(self):
        link = self.start_all(lambda message, nth: Reply.silence())
        link.command("echo a", "a")
        self.until(lambda: self.calls("a"), "a call to the old server")
        self.start_grpc()
        self.reload(Grpc={"ServerUrl": self.grpc.url})
        self.result("a")

    def test_Grpc_TimeoutMs(self):
        link = self.start_all(lambda message, nth: Reply.silence(), config={"Grpc": {"TimeoutMs": LONG}})
        link.command("echo a", "a")
        self.until(lambda: self.calls("a"), "a call")
        self.reload(Grpc={"TimeoutMs": 200})
        self.until(lambda: len(self.calls("a")) >= 4, "calls that are given up")

    def repeats_after(self, before, after):
        link = self.start_all(lambda message, nth: Reply.refused("later"), config={"Grpc": before})
        link.command("echo a", "a")
        self.until(lambda: self.calls("a"), "a call")
        self.reload(Grpc=after)
        self.until(lambda: len(self.calls("a")) >= 8, "repeated calls")

    def test_Grpc_MaxRetries(self):
        self.repeats_after({"MaxRetries": 0, "RetryDelayMs": 50, "MaxRetryDelayMs": 50}, {"MaxRetries": 1000})

    def test_Grpc_RetryDelayMs(self):
        self.repeats_after({"MaxRetries": 1000, "RetryDelayMs": LONG, "MaxRetryDelayMs": LONG}, {"RetryDelayMs": 5})

    def test_Grpc_MaxRetryDelayMs(self):
        self.repeats_after({"MaxRetries": 1000, "RetryDelayMs": LONG, "MaxRetryDelayMs": LONG}, {"MaxRetryDelayMs": 50})

    # Commands

    def start_waiting(self, count, **commands):
        link = self.start_all(config={"Commands": self.WAIT | commands})
        for number in range(count):
            link.command("wait", f"wait-{number}")
        return link

    def test_Commands_MaxConcurrent(self):
        self.start_waiting(2, MaxConcurrent=1)
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1 and s["queuedCommands"] == 1, "one waits")
        self.reload(Commands={"MaxConcurrent": 2})
        self.client.wait_status(lambda s: s["activeCommandCount"] == 2, "both run")

    def test_Commands_MaxQueued(self):
        link = self.start_waiting(2, MaxConcurrent=1, MaxQueued=0)
        self.assertIn("busy", self.result("wait-1").response)
        self.reload(Commands={"MaxQueued": 5})
        link.command("wait", "wait-2")
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "it waits")

    def test_Commands_TimeoutMs(self):
        link = self.start_waiting(0)
        self.reload(Commands={"TimeoutMs": 200})
        link.command("wait", "a")
        self.assertFalse(self.result("a").is_success)

    def test_Commands_MaxWaitMs(self):
        self.start_waiting(2, MaxConcurrent=1)
        self.client.wait_status(lambda s: s["queuedCommands"] == 1, "one waits")
        self.reload(Commands={"MaxWaitMs": 200})
        self.assertIn("ms for its turn", self.result("wait-1").response)

    def test_Commands_StopLimitMs(self):
        self.start_waiting(1)
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.reload(Commands={"StopLimitMs": 100})
        self.assertEqual(self.client.stop(), 0)
        self.assertTrue(self.client.logged("Commands that still run are cancelled"))

    def test_Commands_MaxResultBytes(self):
        link = self.start_all()
        self.reload(Commands={"MaxResultBytes": 1024})
        link.command("echo " + "x" * 3000, "a")
        self.assertFalse(self.result("a").is_success)

    def test_Commands_OnConnectionLost(self):
        link = self.start_waiting(1)
        self.client.wait_status(lambda s: s["activeCommandCount"] == 1, "it runs")
        self.reload(Commands={"OnConnectionLost": "cancel"})
        link.abort()
        self.assertIn("connection lost", self.result("wait-0").response)

    def test_WebSocket_MaxSendBytes(self):
        link = self.start_all()
        self.reload(WebSocket={"MaxSendBytes": 4096})
        link.invoke({"requestId": "r"}, target="CommandsMetadataRequested", invocation_id="1")
        link.invoke({"requestId": "r"}, target="MachineInfoRequested", invocation_id="2")
        link.completion("1")
        for record in link.completions():
            self.assertLessEqual(len(json.dumps(record)), 4096 * 1.2)  # with blanks
        self.reload(WebSocket={"MaxSendBytes": 65536})

    def test_Hub_Requests(self):
        link = self.start_all()
        link.invoke({"requestId": "r"}, target="LogsRequested", invocation_id="1")
        self.assertIn("not allowed", str(link.completion("1")["result"]))
        self.reload(Hub={"Requests": ["logs"]})
        link.invoke({"requestId": "r"}, target="LogsRequested", invocation_id="2")
        self.assertNotIn("not allowed", str(link.completion("2")["result"]["Logs"][:1]))
        link.command("echo a", "refused")
        self.assertIn("not allowed", self.result("refused").response)

    def test_Hub_Themes(self):
        link = self.start_all()
        (self.directory / "dark.json").write_text('{"name":"Dark","colorScheme":{}}')
        folder = (self.directory / "dark.json").parent
        self.reload(Hub={"Themes": str(folder)})
        link.invoke({"requestId": "r"}, target="CustomThemesRequested", invocation_id="1")
        self.assertEqual([theme["Name"] for theme in link.completion("1")["result"]["Themes"]], ["Dark"])

    def test_Commands_Prefix(self):
        link = self.start_all(config={"Commands": {"Default": "echo"}})
        self.reload(Commands={"Prefix": "$"})
        text = 'help me,\n  "please"'
        link.command(text, "a")
        self.assertEqual(self.result("a").response, text)
        link.command("$PING", "b")
        self.assertEqual(self.result("b").response, "pong")

    def test_Commands_Default(self):
        link = self.start_all()
        self.reload(Commands={"Default": "echo"})
        link.command("words of nobody", "a")
        self.assertEqual(self.result("a").response, "words of nobody")

    def test_Commands_Acknowledge(self):
        link = self.start_waiting(0)
        self.reload(Commands={"Acknowledge": "received"})
        link.command("wait", "a", invocation_id="1")
        self.assertEqual(link.completion("1")["result"]["message"], "received")

    def test_Commands_Exec(self):
        link = self.start_all()
        self.reload(Commands={"Exec": {"new": {"Program": ["/bin/echo", "it is there"]}}})
        link.command("new", "a")
        self.assertIn("it is there", self.result("a").response)

    def signing_machine(self, **trust):
        """A daemon that knows the folder of one signer's key, and the signer."""
        signer = Signer(self.directory.path)
        signer.trust_in(self.directory / "trusted.d")
        trust = {"Keys": str(self.directory / "trusted.d"), **trust}
        return signer, self.start_all(config={"InstanceId": "web1", "Commands": {"Trust": trust, "Exec": {"hi": {"Program": ["/bin/echo", "hi"]}}}})

    def test_Commands_Trust_Require(self):
        signer, link = self.signing_machine()
        link.command("hi", "a")
        self.assertTrue(self.result("a").is_success)
        self.reload(Commands={"Trust": {"Require": "exec"}})
        link.command("hi", "b")
        self.assertIn("it is not signed", self.result("b").response)
        link.command("hi", "c", parameters=signer.parameters("hi", "c"))
        self.assertTrue(self.result("c").is_success)

    def test_Commands_Trust_Keys(self):
        signer, link = self.signing_machine(Require="exec")
        other = Signer(self.directory.path, "other")
        other.trust_in(self.directory / "others.d")
        self.reload(Commands={"Trust": {"Keys": str(self.directory / "others.d")}})
        link.command("hi", "a", parameters=signer.parameters("hi", "a"))
        self.assertIn("is not one of Commands.Trust.Keys", self.result("a").response)
        link.command("hi", "b", parameters=other.parameters("hi", "b"))
        self.assertTrue(self.result("b").is_success)

    def ask_for_the_starter(self, link, sync_id):
        """Who starts the programs: the daemon, `jiro-client run`, or a unit, `jiro-client run-command`."""
        link.command("starter", sync_id)
        return self.result(sync_id).response

    def starter(self, **more):
        return {"Exec": {"starter": {"Program": ["/bin/sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline"]}}, **more}

    def units_at(self, name):
        units = Units(self.directory / name)
        self.addCleanup(units.stop)
        return units

    def test_Commands_RunAs(self):
        units = self.units_at("units")
        link = self.start_all(config={"Commands": self.starter(UnitSocket=units.path, RunAs="daemon")})
        self.assertNotIn("run-command", self.ask_for_the_starter(link, "a"))
        self.reload(Commands=self.starter(UnitSocket=units.path, RunAs="unit"))
        self.assertIn("run-command", self.ask_for_the_starter(link, "b"))

    def test_Commands_UnitSocket(self):
        link = self.start_all(config={"Commands": self.starter(UnitSocket=str(self.directory / "nowhere"))})
        self.assertNotIn("run-command", self.ask_for_the_starter(link, "a"))
        self.reload(Commands=self.starter(UnitSocket=self.units_at("units").path))
        self.assertIn("run-command", self.ask_for_the_starter(link, "b"))

    # The rest

    def test_Outbox_DedupeWindowHours(self):
        link = self.start_all(config={"Commands": {"Exec": {"once": {"Program": ["/bin/sh", "-c", f"echo x >> {self.directory / 'runs'}"]}}}})
        runs = lambda: (self.directory / "runs").read_text().count("x")
        link.command("once", "a")
        self.client.wait_log("Result delivered")
        link.command("once", "a")
        self.until(lambda: len(self.client.logged("Result delivered")) == 2, "the outcome again")
        self.assertEqual(runs(), 1)
        self.reload(Outbox={"DedupeWindowHours": 0})
        link.command("once", "a")
        self.until(lambda: runs() == 2, "a second run")

    def test_Logging_Level(self):
        link = self.start_all(config={"Logging": {"Level": "info"}})
        self.reload(Logging={"Level": "debug"})
        link.command("echo a", "a")
        self.client.wait_log("Command is in the journal")

    def test_Logging_Target(self):
        link = self.start_all()
        self.reload(Logging={"Target": "json"})
        link.command("echo a", "a")
        self.client.wait_log(r'^\{.*"Command received"')

    def test_Logging_Audit(self):
        link = self.start_all(config={"Logging": {"Audit": "off"}})
        link.command("echo a", "a")
        self.result("a")
        self.reload(Logging={"Audit": str(self.directory / "audit")})
        link.command("echo b", "b")
        self.until(lambda: (self.directory / "audit").exists(), "an audited command")
        self.assertRegex((self.directory / "audit").read_text(), r'^\{"command_sync_id":"b",.*\}\n$')
        self.assertFalse(self.client.logged("audit: Audit"))

    def test_Logging_CommandText(self):
        link = self.start_all()
        link.command("echo private-a", "a")
        self.result("a")
        self.assertFalse(self.client.logged("private-a"))
        self.reload(Logging={"CommandText": True})
        link.command("echo private-b", "b")
        self.client.wait_log("private-b")


if __name__ == "__main__":
    unittest.main()
