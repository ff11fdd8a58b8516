# SPDX-License-Identifier: MIT
"""The upgrade from the first release's own package, which JIRO_FIRST_RELEASE_PACKAGE names (scripts/first-release makes it)."""

import json
import os
import pathlib

from harness.case import BASE, CONFIG, SystemTest, merged


class FirstReleaseTest(SystemTest):
    def test_upgrade(self):
        """From 0.1.0's own package, while commands run, wait and are undelivered: all of them end well, once; its configuration stays."""
        first = self.machine.copy(pathlib.Path(os.environ["JIRO_FIRST_RELEASE_PACKAGE"]))
        self.machine.run("apt-get", "install", "-y", self.packages["jiro-dev-hub"])  # an earlier test may have taken it away
        self.machine.run("apt-get", "purge", "-y", "jiro-client")
        self.machine.run("rm", "-rf", "/etc/jiro", "/var/lib/jiro")
        self.machine.run("apt-get", "install", "-y", first)
        self.addCleanup(self.machine.run, "rm", "-rf", "/etc/systemd/system/jiro-command@.service.d")
        self.hub.start()
        config = merged(BASE, {"Commands": {"MaxConcurrent": 2}, "Logging": {"Level": "debug"}})
        self.machine.run("bash", "-c", 'cat > "$0"', CONFIG, stdin=json.dumps(config, indent=1))
        self.service("restart")
        self.hub.wait_client()
        self.assertIn("0.1.0", self.machine.out("jiro-client", "--version"))
        self.assertTrue(self.hub.send("sleep 0")["ok"])
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("echo kept", "kept")
        self.service.wait_for_status("1 undelivered")
        self.hub.post("sleep 4", "upgraded", "--count", "5", "--parallel")
        self.service.wait_for_status("2 running, 3 queued")

        upgrade = self.machine.start("apt-get", "install", "-y", "-o", "Dpkg::Options::=--force-confold", self.packages["jiro-client"])
        self.wait_until(lambda: self.service.show("ActiveState") == "deactivating", "it stops")
        self.hub.ask("misbehave", "grpc-up")
        self.assertEqual(upgrade.wait(120), 0)
        self.assertNotIn("0.1.0", self.machine.out("jiro-client", "--version"))
        for name in ("kept", *(f"upgraded-{n}" for n in range(1, 6))):
            row = self.hub.wait_result(name, 30, self.service.context)
            self.assertEqual((row["accepted"], row["conflicting"], row["isSuccess"]), (1, 0, True), name)
        self.assertEqual(json.loads(self.machine.path(CONFIG).read_text()), config)
        self.machine.run("jiro-client", "check-config")
        self.assertTrue(self.hub.send("sleep 0")["ok"])
        self.assertEqual(self.service.show("UnitFileState"), "enabled")
