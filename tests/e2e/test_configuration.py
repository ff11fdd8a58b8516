# SPDX-License-Identifier: MIT
"""The configuration as an operator meets it: everything that is wrong at once, with its place; the environment; secrets."""

import json
import os
import re
import unittest

from harness.case import DaemonTest
from harness.programs import run_client


class ConfigurationTest(DaemonTest):
    def check(self, text, *flags, environment=None, name="config.yaml"):
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run_client("check-config", "--config", path, *flags, environment=environment)

    def test_an_empty_file_and_the_defaults_are_good(self):
        for text in ("", "{}", "# nothing\n"):
            self.assertEqual(self.check(text).returncode, 0, self.check(text))

    def test_the_two_json_blocks_of_the_description_pasted_below_each_other(self):
        text = """{ "WebSocket": { "HubUrl": "https://localhost:5001/instanceHub", "ReconnectionDelayMs": 5000,
            "MaxReconnectionAttempts": 5, "HandshakeTimeoutMs": 15000, "KeepAliveIntervalMs": 15000,
            "ServerTimeoutMs": 30000, "AccessToken": null, "Headers": { "User-Agent": "Jiro-Bot/1.0" } } }
            { "Grpc": { "ServerUrl": "https://localhost:5001", "TimeoutMs": 30000, "MaxRetries": 3 } }"""
        answer = self.check(text, "--print")
        self.assertEqual(answer.returncode, 0, answer)
        self.assertIn("Jiro-Bot/1.0", answer.stdout)

    def test_every_error_is_told_with_its_place_and_what_was_meant(self):
        text = "\n".join([
            "WebSocket:",
            "  HubUrll: https://hub.example/x",
            "  ReconnectionDelayMs: soon",
            "  MaxMessageBytes: -5",
            "Grpc:",
            "  ServerUrl: ftp://hub.example",
            "Comands:",
            "  MaxConcurrent: 4",
            "Outbox: { Durability: maybe }",
        ])
        answer = self.check(text)
        self.assertEqual(answer.returncode, 78)
        errors = answer.stderr
        for line, words in ((2, "HubUrl"), (3, "ReconnectionDelayMs"), (4, "MaxMessageBytes"), (6, "ServerUrl"),
                            (7, "Commands"), (9, "process")):
            found = re.findall(rf"config\.yaml:{line}:\d+: .*", errors)
            self.assertTrue(found, f"line {line} is missing in\n{errors}")
            self.assertIn(words, found[0])
        self.assertGreaterEqual(errors.count("did you mean"), 2)
        self.assertEqual(run_client("run", "--config", self.directory / "config.yaml").returncode, 78)

    def test_text_that_is_no_configuration_is_an_error_and_never_a_crash(self):
        bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9))
        cases = {
            "tabs": "WebSocket:\n\tHubUrl: x",
            "unclosed": '{"WebSocket": {',
            "binary": bytes(range(256)),
            "nul": b"WebSocket:\0\n",
            "a list": "- a\n- b",
            "a scalar": "hello",
            "nested deep": "[" * 20_000,
            "braces deep": "{a: " * 20_000,
            "aliases": bomb,
            "too long": "#" * 3_000_000,
            "twice": "Grpc: {TimeoutMs: 5000}\nGrpc: {TimeoutMs: 6000}",
            "tag": "WebSocket: !!python/object:os.system {}",
            "section is text": "WebSocket: hello",
            "section is a list": "WebSocket: [1]",
            "number too big": "Grpc: {TimeoutMs: 99999999999999999999999}",
            "not a number": "Grpc: {TimeoutMs: .nan}",
            "negative": "Grpc: {TimeoutMs: -1}",
            "key not text": "{[1]: 2}",
        }
        for name, text in cases.items():
            with self.subTest(name):
                answer = self.check(text)
                self.assertEqual(answer.returncode, 78, f"{answer.returncode} {answer.stdout[-500:]} {answer.stderr[-500:]}")
                self.assertIn("config.yaml", answer.stderr)

    def test_the_environment_overrides_and_is_checked_too(self):
        good = self.check("Grpc: {TimeoutMs: 5000}", "--print", environment={"JIRO_GRPC__TIMEOUTMS": "7123"})
        self.assertEqual(good.returncode, 0, good)
        self.assertIn("7123", good.stdout)
        self.assertNotRegex(good.stdout, r"\bTimeoutMs: 5000\b")
        unset = self.check("Grpc: {TimeoutMs: 5000}", "--print", environment={"JIRO_GRPC__TIMEOUTMS": "", "JIRO_LOGGING__LEVEL": ""})
        self.assertEqual(unset.returncode, 0, unset)
        self.assertRegex(unset.stdout, r"\bTimeoutMs: 5000\b")
        for name, value, words in (
            ("JIRO_GRPC__TIMEOUTMS", "soon", "JIRO_GRPC__TIMEOUTMS"),
            ("JIRO_GRPC__TIMEOUT", "5", "JIRO_GRPC__TIMEOUT"),
            ("JIRO_WEBSOKET__HUBURL", "https://x/", "JIRO_WEBSOKET__HUBURL"),
        ):
            with self.subTest(name):
                answer = self.check("{}", environment={name: value})
                self.assertEqual(answer.returncode, 78, answer)
                self.assertIn(words, answer.stderr)

    def test_a_script_keeps_its_slashes_however_it_is_given(self):
        base = self.directory / "srv"
        (base / "a" / "cache").mkdir(parents=True)
        script = 'printf "%s " "$BASE"/*/cache "$BASE"/*/none'
        command = f"Shell: true, Program: '{script}', Environment: {{ BASE: {base} }}"
        self.start_hub()
        self.start_grpc()
        client = self.start_client(start=False)
        client.environment["JIRO_COMMANDS__EXEC"] = f"{{ tidy: {{ {command} }} }}"
        client.start()
        self.connection().command("tidy", "t1")
        said = f"{base}/a/cache {base}/*/none "
        self.assertEqual(self.result("t1").response, said)
        client.stop()
        del client.environment["JIRO_COMMANDS__EXEC"]  # the file is a JSON object: YAML below it
        client.config_file.write_text(f"{client.config_file.read_text()}\n---\nCommands: {{ Exec: {{ tidy: {{ {command} }} }} }}\n")
        client.start()
        self.connection(2).command("tidy", "t2")
        self.assertEqual(self.result("t2").response, said)

    def test_keys_are_matched_in_any_case(self):
        answer = self.check("websocket: {huburl: 'https://hub.example/h'}\nGRPC: {timeoutms: 4321}", "--print")
        self.assertEqual(answer.returncode, 0, answer)
        self.assertIn("4321", answer.stdout)

    def test_a_secret_in_two_places_is_an_error(self):
        (self.directory / "token").write_text("x")
        answer = self.check(f"WebSocket: {{AccessToken: some-token, AccessTokenFile: {self.directory / 'token'}}}")
        self.assertEqual(answer.returncode, 78)
        self.assertNotIn("some-token", answer.stderr)

    def test_print_masks_every_secret(self):
        text = ("ApiKey: canary-api-key-1\nWebSocket:\n  AccessToken: canary-token-2\n  HubUrl: https://hub.example/h?x=canary-query-3\n"
                "  Headers: {Cookie: canary-cookie-4, Authorization: canary-header-5, X-Tenant: canary-tenant-7, User-Agent: shown}\n"
                "  Proxy: http://user:canary-proxy-6@proxy.example:3128\n")
        answer = self.check(text, "--print")
        self.assertNotIn("canary", answer.stdout + answer.stderr)
        self.assertEqual(answer.returncode, 0, answer)
        self.assertIn("shown", answer.stdout)

    def test_errors_about_a_secret_do_not_show_it(self):
        for text in ("ApiKey: [canary-1]", "ApiKey: {canary-1: 2}", "WebSocket: {AccessToken: \"canary\\u0001\"}",
                     "WebSocket: {HubUrl: 'htp://user:canary-1@x'}", "WebSocket: {Proxy: 'canary-1@@:x'}"):
            with self.subTest(text):
                answer = self.check(text)
                self.assertEqual(answer.returncode, 78, answer)
                self.assertNotIn("canary", answer.stdout + answer.stderr)
        answer = self.check("{}", environment={"JIRO_APIKEYY": "canary-1"})
        self.assertEqual(answer.returncode, 78)
        self.assertNotIn("canary", answer.stderr)

    def test_a_file_that_cannot_be_read_is_named(self):
        path = self.directory / "config.yaml"
        path.mkdir()
        answer = run_client("check-config", "--config", path)
        self.assertEqual(answer.returncode, 78, answer)
        self.assertIn("config.yaml", answer.stderr)

    def test_what_check_config_accepts_the_daemon_accepts_and_the_other_way_round(self):
        cases = {
            "Commands: {Default: nosuch}": r"config\.yaml:1: Commands\.Default: there is no command",
            "Commands: {Default: hepl}": 'did you mean "help"',
            "Commands: {Exec: {help: {Program: [/bin/true]}}}": r"config\.yaml:1: Commands\.Exec\.help: the name is taken",
            "Commands: {Exec: {x: {Program: [/bin/echo, '{y}']}}}": r"Commands\.Exec\.x\.Program: \{y\} is not in Parameters",
            "Outbox: {MaxBytes: 1}": r"Outbox\.MaxBytes",
            "Commands: {Default: help}": None,
        }
        for text, words in cases.items():
            with self.subTest(text):
                checked = self.check(text)
                path = self.directory / "config.yaml"
                doctor = run_client("doctor", "--offline", "--config", path)
                if words is None:
                    self.assertEqual(checked.returncode, 0, checked)
                    self.assertIn("is valid", doctor.stdout)
                    continue
                ran = run_client("run", "--config", path)
                for answer in (checked, ran, doctor):
                    self.assertEqual(answer.returncode, 78, answer)
                    self.assertRegex(answer.stdout + answer.stderr, words)

    def test_a_reload_checks_the_same(self):
        self.start_all()
        for commands in ({"Default": "nosuch"}, {"Exec": {"help": {"Program": ["/bin/true"]}}}):
            self.client.write_config(Commands=commands)
            answer = run_client("reload", "--wait", "--config", self.client.config_file)
            self.assertNotEqual(answer.returncode, 0, answer)
            self.client.write_config(Commands={"Default": None, "Exec": {}})
        self.assert_serves()

    def test_the_shipped_files_are_good(self):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        for name in ("config.yaml", "quickstart.yaml"):
            with self.subTest(name):
                answer = run_client("check-config", "--config", os.path.join(root, "config", name))
                self.assertEqual(answer.returncode, 0, answer)


class CredentialFileTest(DaemonTest):
    def test_a_token_has_the_same_form_in_a_key_and_a_variable(self):
        for number, text in enumerate(("\ufeffa-token", "a-token \n", "a-tokenü")):
            for name, (config, environment) in {"key": ({"WebSocket": {"AccessToken": text}}, {}),
                                                "variable": ({}, {"JIRO_WEBSOCKET__ACCESSTOKEN": text})}.items():
                with self.subTest(name, text=text):
                    self.start_hub()
                    self.start_grpc()
                    self.start_client(name=f"{name}{number}", config=config, environment=environment)
                    if "ü" in text:
                        self.assertEqual(self.client.wait_exit(), 78)
                        self.client.wait_log("AccessToken: contains control characters or letters beyond ASCII")
                        continue
                    self.assert_serves(self.connection())
                    self.assertEqual({request.headers.get("authorization") for request in self.hub.requests}, {"Bearer a-token"})
                    self.assertEqual({call.metadata.get("authorization") for call in self.grpc.calls}, {"Bearer a-token"})
                    self.client.kill()

    def test_token_and_key_from_files_are_sent_and_read_again_at_each_attempt(self):
        token, key = self.directory / "token", self.directory / "key"
        token.write_text("first-token\n")
        key.write_text("the key/with+signs")
        token.chmod(0o600), key.chmod(0o600)
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"ApiKeyFile": str(key), "WebSocket": {"AccessTokenFile": str(token)}})
        link = self.connection()
        for request in self.hub.requests[:2]:
            self.assertEqual(request.headers.get("authorization"), "Bearer first-token")
            self.assertEqual(request.query.get("api_key"), "the key/with+signs")
        link.command("echo a", "a")
        self.result("a")
        metadata = self.grpc.calls[0].metadata
        self.assertEqual(metadata.get("authorization"), "Bearer first-token")
        self.assertEqual(metadata.get("x-api-key"), "the key/with+signs")
        self.assertEqual(metadata.get("idempotency-key"), "a")

        token.write_text("second-token")
        before = len(self.hub.requests)
        link.abort()
        self.connection(2)
        self.assertEqual({request.headers.get("authorization") for request in self.hub.requests[before:]}, {"Bearer second-token"})

    def test_a_missing_token_file_is_named_and_the_daemon_waits_for_it(self):
        token = self.directory / "token"
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"WebSocket": {"AccessTokenFile": str(token)}})
        self.client.wait_log(re.escape(str(token)))
        self.assertTrue(self.client.is_running())
        self.assertEqual(self.hub.requests, [])
        token.write_text("late-token")
        token.chmod(0o600)
        self.assert_serves(self.connection())

    def test_credentials_directory_expands(self):
        (self.directory / "api").write_text("from-systemd")
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"ApiKeyFile": "${CREDENTIALS_DIRECTORY}/api"},
                          environment={"CREDENTIALS_DIRECTORY": str(self.directory.path)})
        self.connection()
        self.assertEqual(self.hub.requests[0].query.get("api_key"), "from-systemd")


if __name__ == "__main__":
    unittest.main()
