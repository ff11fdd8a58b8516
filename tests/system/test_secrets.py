# SPDX-License-Identifier: MIT
"""Canaries for secrets through a whole session of the installed service at trace level: none may be seen anywhere."""

import base64
import unittest
import urllib.parse

from harness.case import SystemTest

CANARIES = {
    "access token": "canary-token-Zm9vYmFyYmF6",
    "api key": "canary-key/with+odd=signs",
    "header": "canary-header-5a4b3c2d",
    "command text": "canary-command-text",
    "parameter": "canary-parameter-value",
}


def forms(value):
    return {value, urllib.parse.quote(value, safe=""), base64.b64encode(value.encode()).decode()}


class SecretsTest(SystemTest):
    def test_canaries(self):
        """Not in the journal with all its fields, nor in any answer, nor where /proc shows a process to others."""
        for name in ("access token", "api key"):
            self.file(f"/etc/jiro/credentials/{name.replace(' ', '-')}", CANARIES[name] + "\n", 0o600)
        self.drop_in(
            "[Service]\nLoadCredential=access-token:/etc/jiro/credentials/access-token\n"
            "LoadCredential=api-key:/etc/jiro/credentials/api-key\n"
        )
        settings = {
            "ApiKeyFile": "${CREDENTIALS_DIRECTORY}/api-key",
            "WebSocket": {"AccessTokenFile": "${CREDENTIALS_DIRECTORY}/access-token", "Headers": {"X-Auth": CANARIES["header"]}},
            "Logging": {"Level": "trace"},
        }
        doors = ("--token", CANARIES["access token"], "--api-key", CANARIES["api key"])
        self.start_service(settings, hub_flags=doors)
        self.session()
        self.service.configure(settings)  # `jiro-client status` finds the daemon by its file
        for where, text in self.places().items():
            with self.subTest(where):
                self.assertGreater(len(text), 20, f"nothing was read from {where}")
                for name, canary in CANARIES.items():
                    for form in forms(canary):
                        at = text.find(form)
                        self.assertEqual(at, -1, f"the {name} is in {where}: ...{text[max(0, at - 200):at + 80]!r}")

    def session(self):
        text = CANARIES["command text"]
        self.assertTrue(self.hub.send(f"echo {text}", "--param", f"p={CANARIES['parameter']}", "--id", "good")["ok"])
        self.hub.send(f"ecko {text}")
        self.hub.ask("misbehave", "grpc-fail", "UNAVAILABLE", "next=2")
        self.hub.send("sysinfo")
        self.hub.ask("misbehave", "refuse", "401", "next=1")  # the reason of a failure is where secrets like to hide
        self.hub.ask("misbehave", "drop")
        self.service.wait_for_status("401")  # before it, the reload would find nothing to try again
        self.service("reload")
        self.hub.wait_client()
        self.machine.run("sh", "-c", "echo nonsense >> /etc/jiro/config.yaml")
        self.service("reload", check=False)

    def places(self):
        pid = self.service.pid
        get = "exec 3<> /dev/tcp/127.0.0.1/9470; printf 'GET %s HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' \"$0\" >&3; cat <&3"
        places = {path: self.machine.out("bash", "-c", get, path) for path in ("/status", "/metrics", "/healthz", "/readyz", "/")}
        places |= {
            "journal": self.machine.out("journalctl", "-o", "export", "--all", "-u", "jiro-client"),
            "systemctl status": self.machine.out("systemctl", "status", "-l", "-n", "1000", "jiro-client"),
            "systemctl show": self.machine.out("systemctl", "show", "jiro-client"),
            "jiro-client status": self.machine.out("jiro-client", "status"),
            "jiro-client status --json": self.machine.out("jiro-client", "status", "--json"),
            "cmdline": self.machine.out("cat", f"/proc/{pid}/cmdline"),
            "environ": self.machine.out("cat", f"/proc/{pid}/environ"),
        }
        return places


if __name__ == "__main__":
    unittest.main()
