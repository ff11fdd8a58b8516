# SPDX-License-Identifier: MIT
"""A whole session at trace level with canaries for secrets: none of them may be found anywhere but where it belongs."""

import base64
import itertools
import json
import pathlib
import re
import unittest
import urllib.parse

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.hub_server import HubServer, http_response
from harness.programs import run_client

CANARIES = {
    "access token": "canary-token-Zm9vYmFyYmF6",
    "api key": "canary-key/with+odd=signs",
    "cookie": "canary-cookie-9f8e7d6c",
    "header": "canary-header-5a4b3c2d",
    "connection token": "canary-connection-token-1",
    "proxy password": "canary-proxy-pass",
    "command text": "canary-command-text",
    "parameter": "canary-parameter-value",
}


def forms(value):
    return {value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), base64.b64encode(value.encode()).decode()}


class SecretsTest(DaemonTest):
    def assert_clean(self, where, text, allowed=()):
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogateescape")
        for name, canary in CANARIES.items():
            if name in allowed:
                continue
            for form in forms(canary):
                at = text.find(form.encode())
                self.assertEqual(at, -1, f"the {name} is in {where}: ...{text[max(0, at - 200):at + 80]!r}...")

    def session(self, **files):
        self.start_hub()
        self.start_grpc(lambda message, nth: Reply.status("UNAVAILABLE", "try later") if nth == 1 else Reply.ok())
        config = {
            "WebSocket": {"Headers": {"Cookie": CANARIES["cookie"], "X-Custom-Auth": CANARIES["header"]}},
            "Logging": {"Level": "trace"},
            "Commands": {"Exec": {"pick": {"Program": ["/bin/true", "{p}"], "Parameters": {"p": {"Enum": ["a", "b"]}}}}},
        }
        if files:
            for name, canary in (("token", "access token"), ("key", "api key")):
                path = self.directory / name
                path.write_text(CANARIES[canary])
                path.chmod(0o600)
            config["ApiKeyFile"] = str(self.directory / "key")
            config["WebSocket"]["AccessTokenFile"] = str(self.directory / "token")
        else:
            config["ApiKey"] = CANARIES["api key"]
            config["WebSocket"]["AccessToken"] = CANARIES["access token"]
        self.hub.negotiate_body = lambda plain=self.hub.negotiate_body: plain(connectionToken=CANARIES["connection token"])
        good = self.hub.on_negotiate
        # Failures on the way: their messages are where secrets like to hide.
        answers = [http_response(401), http_response(302, headers=[("Location", "http://x/?access_token=" + CANARIES["access token"])]), b"garbage\r\n\r\n"]
        self.hub.on_negotiate = lambda request: answers.pop() if answers else good(request)
        self.start_client(config=config)
        link = self.connection(within=30)
        sent = link.request.target + str(link.request.headers)
        self.assertIn(CANARIES["access token"], sent)  # the canaries are really in use
        self.assertIn(CANARIES["cookie"], sent)
        link.command(f"echo {CANARIES['command text']}", "a", parameters={"p": CANARIES["parameter"]}, invocation_id="i")
        link.command(f"ecko {CANARIES['command text']}", "b")
        link.command("pick", "e", parameters={"p": CANARIES["parameter"]})  # rejected: the result quotes it, the log does not
        link.command("status", "c")
        link.command("sysinfo", "d")
        link.invoke(f"not json {CANARIES['command text']}")
        link.send(b'{"type":1,"target":"ReceiveCommand","arguments":["' + CANARIES["command text"].encode() + b"\xff\"]}")
        for sync_id in "abcde":
            self.result(sync_id, 20)
        self.assert_serves(self.connection(2))
        for path in ("/status", "/metrics", "/healthz", "/readyz", "/"):
            self.assert_clean(path, self.client.get(path)[1])
        self.assert_clean("the command line", pathlib.Path(f"/proc/{self.client.pid}/cmdline").read_bytes())
        for flags in ([], ["--json"]):
            self.assert_clean("status", run_client("status", *flags, "--config", self.client.config_file).stdout)
        printed = run_client("check-config", "--print", "--config", self.client.config_file)
        self.assertEqual(printed.returncode, 0)
        self.assert_clean("check-config --print", printed.stdout + printed.stderr)
        for sync_id in "cd":
            self.assert_clean(f"the result of {sync_id}", self.grpc.accepted[sync_id].raw)
        self.client.signal(1)
        self.client.wait_log("(?i)reload")
        self.assertEqual(self.client.stop(), 0)
        self.assert_clean("standard error", self.client.log_file.read_bytes())
        self.assert_clean("standard output", self.client.out_file.read_bytes())
        self.client.wait_log("command_sync_id=e .*outcome=rejected.*an argument is not allowed")
        self.assertGreater(len(self.client.log.lines), 20, "trace says something")
        for path in (self.directory / "state").rglob("*"):
            if path.is_file():
                # Commands and results are the journal's own content; credentials are not.
                self.assert_clean(path.name, path.read_bytes(), allowed=("command text", "parameter"))
                self.assertEqual(path.stat().st_mode & 0o077, 0, f"{path.name} can be read by others")

    def test_from_the_configuration(self):
        self.session()

    def test_from_files(self):
        self.session(from_files=True)

    def test_from_the_environment_and_proxy(self):
        self.start_grpc()
        self.start_client("http://hub.invalid/x", environment={
            "JIRO_APIKEY": CANARIES["api key"],
            "JIRO_WEBSOCKET__ACCESSTOKEN": CANARIES["access token"],
            "JIRO_WEBSOCKET__PROXY": f"http://user:{CANARIES['proxy password']}@127.0.0.1:1",
            "GRPC_VERBOSITY": "debug", "GRPC_TRACE": "all",
        }, config={"Logging": {"Level": "trace"}})
        self.client.wait_log("(?i)proxy|refused|connect")
        self.assert_clean("/status", self.client.get("/status")[1])
        self.client.stop()
        self.assert_clean("standard error", self.client.log_file.read_bytes())
        self.assert_clean("standard output", self.client.out_file.read_bytes())

    def test_what_the_hub_repeats(self):
        self.start_hub()
        self.start_grpc()
        route = [("Set-Cookie", f"route={CANARIES['cookie']}; Path=/")]
        self.hub.on_negotiate = lambda request: http_response(200, self.hub.negotiate_body(), headers=route)
        self.start_client(config={"WebSocket": {
            "AccessToken": CANARIES["access token"], "Headers": {"X-Functions-Key": CANARIES["header"]}}})
        told = " ".join(CANARIES[name] for name in ("access token", "cookie", "header"))
        link = self.connection()
        self.assertEqual(link.request.headers["cookie"], "route=" + CANARIES["cookie"])
        self.hub.on_negotiate = lambda request: http_response(200, json.dumps({"error": "it said " + told}))
        link.send({"type": 7, "error": "it said " + told, "allowReconnect": True})
        self.client.wait_log("it said")
        self.assertIn("it said", self.client.status()["lastError"])
        self.assert_clean("/status", self.client.get("/status")[1])
        doctor = run_client("doctor", "--config", self.client.config_file)
        self.assertIn("it said", doctor.stdout + doctor.stderr)
        self.assert_clean("doctor", doctor.stdout + doctor.stderr, allowed=("cookie",))  # it was given none
        self.client.stop()
        self.assert_clean("standard error", self.client.log_file.read_bytes())

    def test_what_the_hub_repeats_in_other_places(self):
        """The connection's own secrets, and a token that was read after it was made: in the end of a stream, as a method, in a Close."""
        self.start_hub()
        self.start_grpc()
        token = self.directory / "token"
        token.write_text(CANARIES["access token"])
        token.chmod(0o600)
        route = [("Set-Cookie", f"route={CANARIES['cookie']}; Path=/")]
        self.hub.on_negotiate = lambda request: http_response(
            200, self.hub.negotiate_body(connectionToken=CANARIES["connection token"]), headers=route)
        self.start_client(config={"Hub": {"Requests": ["logs"]}, "WebSocket": {"AccessTokenFile": str(token)}})
        link = self.connection()
        told = " ".join(CANARIES[name] for name in ("access token", "cookie", "connection token")) + " canary-rotated-token"

        def end_stream(connection, record):
            if record.get("target") == "ReceiveLogsStream":
                connection.send({"type": 3, "invocationId": record["invocationId"], "error": "no stream: " + told})

        self.hub.on_record = end_stream
        token.write_text("canary-rotated-token")
        numbers = itertools.count()

        def is_in_use():
            sync_id = str(next(numbers))
            link.command("echo hi", sync_id)
            self.result(sync_id)
            return "canary-rotated-token" in self.grpc.calls[-1].metadata["authorization"]

        wait_until(is_in_use, "results go with the new token")
        link.invoke({"requestId": "r"}, target="LogsStreamRequested", invocation_id="i")
        self.client.wait_log("no stream: ")
        link.invoke({}, target="Method of " + told)
        self.client.wait_log("no handler here .*Method of ")
        link.send({"type": 7, "error": "closed: " + told, "allowReconnect": True})
        self.client.wait_log("closed: ")
        status, ready = self.client.get("/status")[1], self.client.get("/readyz")[1]
        self.assertIn("closed: *** *** *** ***", status)
        for where, text in (("the log", self.client.log.text()), ("/status", status), ("/readyz", ready)):
            self.assert_clean(where, text)
            self.assertNotIn("canary-rotated", text)

    def test_a_hub_elsewhere_that_asks_for_the_configuration(self):
        self.start_hub()
        other = HubServer()
        self.addCleanup(other.stop)
        self.hub.on_negotiate = lambda request: http_response(200, json.dumps({"url": other.url}))
        names = {"X-Tenant": "tenant", "CF-Access-Client-Id": "client", "User-Agent": "agent"}
        headers = {name: f"canary-header-{word}" for name, word in names.items()}
        self.start_client(config={"Hub": {"Requests": ["config"]}, "WebSocket": {"Headers": headers}})
        link = other.connection(context=self.client.tail)
        link.invoke({"RequestId": "r"}, target="ConfigRequested", invocation_id="1")
        printed = run_client("check-config", "--print", "--config", self.client.config_file).stdout
        for where in (json.dumps(link.completion("1")), json.dumps([request.headers for request in other.requests]), printed):
            self.assertEqual(set(re.findall(r"canary-header-\w+", where)), {"canary-header-agent"})

    def test_command_text_is_logged_only_when_allowed(self):
        link = self.start_all(config={"Logging": {"CommandText": True, "Level": "debug"}})
        link.command(f"echo {CANARIES['command text']}", "a")
        self.result("a")
        self.client.wait_log(CANARIES["command text"])

    def test_a_secret_that_is_cut(self):
        """The hub repeats the token so that our own limits cut its last character off: no text shows the rest."""
        token, limits = CANARIES["access token"], (40, 64, 100, 120, 128, 200, 256, 500)
        cut = token[:-1]
        self.start_hub()
        self.start_grpc()
        good, elsewhere = self.hub.on_negotiate, "https://other.example/"
        offered = [{"transport": "z" * (41 - len(token)) + token, "transferFormats": ["Text"]}]
        self.hub.negotiate_body = lambda plain=self.hub.negotiate_body, **members: plain(**{"connectionId": "c" + token, **members})
        answers = [http_response(302, headers=[("Location", elsewhere + "x" * (201 - len(elsewhere + token)) + token)]),
                   http_response(200, self.hub.negotiate_body(availableTransports=offered))]
        self.hub.on_negotiate = lambda request: answers.pop() if answers else good(request)
        self.start_client(config={"WebSocket": {"AccessToken": token}, "Logging": {"CommandText": True}, "Commands": {"Exec": {
            "pick": {"Program": ["/bin/true", "{p}"], "Parameters": {"p": {"Enum": ["a"]}}}}}})
        link = self.connection(within=30)
        self.client.wait_log("a redirect to")
        self.client.wait_log("WebSockets with text messages, only: z+")
        for limit in limits:
            repeated = "y" * (limit + 1 - len(token)) + token
            link.command(repeated, f"name-{limit}")
            link.command("pick", f"value-{limit}", parameters={"p": repeated})
            link.invoke({}, target=repeated)
        link.command("ecko", "i" * (129 - len(token)) + token)
        for limit in limits:
            self.result(f"name-{limit}")
            self.result(f"value-{limit}")
        self.client.wait_log("no handler here")
        self.assertEqual(self.client.status()["connectionId"], "c***")
        self.assertNotIn(cut, json.dumps(self.client.status()))
        self.assertNotIn(cut, run_client("status", "--recent", "--config", self.client.config_file).stdout)
        self.assertIn(r"***...", self.client.log.text())
        self.assertNotIn(cut, self.client.log.text())

    def test_more_secrets_than_are_kept_of_a_file(self):
        def headers(which):
            return {f"X-Key-{i}": f"header-{which}-{i:03}" for i in range(100)}

        self.start_hub()
        self.start_grpc()
        self.start_client(config={"ApiKey": CANARIES["api key"], "WebSocket": {"Headers": headers("first")}})
        self.connection()
        self.client.write_config(ApiKey=CANARIES["api key"], WebSocket={"HubUrl": self.hub.url, "Headers": headers("second")})
        self.client.signal(1)
        link = self.connection(2)
        for number, word in enumerate(("header-first-000", "header-second-000", "header-second-099", CANARIES["api key"])):
            link.command(word, str(number))
            self.result(str(number))
            self.client.wait_log(rf"Command ended command_sync_id={number} command=\*\*\* ")

    def test_a_core_dump_cannot_be_made_and_memory_not_be_read(self):
        self.start_all()
        limits = pathlib.Path(f"/proc/{self.client.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s")


if __name__ == "__main__":
    unittest.main()
