# SPDX-License-Identifier: MIT
"""What a user meets: from `apt install` on a machine that has no hub to the first command's result, and what was put where."""

import json
import unittest

from harness.case import CONFIG, SystemTest

NOT_CONFIGURED = "5b1e0d6c2f7a4c0e9a3d1f5b7c9e2a41"


class InstallTest(SystemTest):
    """In the order of their names, before all others: the machine is configured by the last one."""

    def test_1_waits_for_its_configuration(self):
        """Without a hub the service is up, does not restart, and everything an operator looks at says what to fill in."""
        self.assertIn("fill in WebSocket.HubUrl and Grpc.ServerUrl in /etc/jiro/config.yaml", self.installation.stdout)
        self.assertNotIn("rror", self.installation.stderr)
        self.service.wait_active()
        self.assertEqual(self.service.show("UnitFileState"), "enabled")
        self.assertEqual(self.service.show("NRestarts"), "0")
        self.assertIn("No hub is configured", self.service.status_text)
        (entry,) = self.service.journal(f"MESSAGE_ID={NOT_CONFIGURED}")
        self.assertEqual(entry["PRIORITY"], "4")
        self.assertIn("set WebSocket.HubUrl and Grpc.ServerUrl", entry["MESSAGE"])
        self.assertIn("No hub is configured", self.machine.out("jiro-client", "status"))
        self.assertEqual(self.machine.run("jiro-client", "status", "--ready", check=False).returncode, 1)
        self.assertEqual(self.machine.out("systemctl", "--failed", "--no-legend"), "")

    def test_2_the_catalog_explains(self):
        """`journalctl -x` prints our explanation, with the fields put in."""
        text = self.machine.out("journalctl", "-x", "-u", "jiro-client", f"MESSAGE_ID={NOT_CONFIGURED}")
        self.assertIn("Subject: The agent waits for its configuration", text)
        self.assertIn("systemctl reload jiro-client", text)

    def test_2_files_and_owners(self):
        """Secrets are for root and the daemon only, the state for the daemon only; the daemon's user cannot log in."""
        wanted = {
            CONFIG: "root:jiro 640",
            "/etc/jiro": "root:jiro 750",
            "/etc/jiro/config.d": "root:root 755",
            "/etc/jiro/commands.d": "root:root 755",
            "/var/lib/jiro": "jiro:jiro 700",
            "/var/lib/jiro/outbox.db": "jiro:jiro 600",
            "/run/jiro-command.sock": "jiro:jiro 600",
            "/run/jiro-client": "jiro:jiro 755",
            "/run/jiro-client/control.sock": "jiro:jiro 660",
            "/usr/bin/jiro-client": "root:root 755",
        }
        for path, owner in wanted.items():
            with self.subTest(path):
                self.assertEqual(self.machine.out("stat", "-c", "%U:%G %a", path), owner)
        for user in ("jiro", "jiro-cmd"):
            self.assertIn("nologin", self.machine.out("getent", "passwd", user))
        self.assertIn(CONFIG, self.machine.out("dpkg-query", "-W", "-f", "${Conffiles}", "jiro-client"))

    def test_2_completions_load(self):
        """bash takes its completion and offers the subcommands."""
        script = """
            . /usr/share/bash-completion/completions/jiro-client
            COMP_WORDS=(jiro-client che) COMP_CWORD=1 && _jiro_client && echo "${COMPREPLY[@]}"
        """
        self.assertEqual(self.machine.shell(script).stdout.strip(), "check-config")

    def test_3_first_result(self):
        """Two addresses and a reload are all that is needed until the first command's result."""
        self.hub.start()
        pid = self.service.pid
        self.machine.run("sed", "-i", "s|HubUrl: null|HubUrl: http://127.0.0.1:5001/instanceHub|", CONFIG)
        self.machine.run("sed", "-i", "s|ServerUrl: null|ServerUrl: http://127.0.0.1:5002|", CONFIG)
        self.machine.run("jiro-client", "check-config")
        self.service("reload")
        self.hub.wait_client()
        self.assertEqual(self.hub.ask("send", "echo Hello Jiro").stdout.splitlines()[-1], "Hello Jiro")
        self.service.wait_for_status("Connected to 127.0.0.1")
        self.assertEqual(self.service.pid, pid)
        self.assertEqual(self.machine.run("jiro-client", "status", "--ready").returncode, 0)
        status = json.loads(self.machine.out("jiro-client", "status", "--json"))
        self.assertEqual((status["successfulCommands"], status["delivery"]["delivered"]), (1, 1))


    def test_4_status_for_everybody(self):
        """A user who may not read the configuration, and root while the file is broken, still see what the daemon does."""
        nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
        done = self.machine.run(*nobody, "jiro-client", "status")
        self.assertIn("Connected", done.stdout)
        self.assertIn("asking the daemon at 127.0.0.1:9470 instead", done.stderr)
        self.machine.run("cp", CONFIG, "/run/kept.yaml")
        self.machine.shell(f"echo nonsense >> {CONFIG}")
        done = self.machine.run("jiro-client", "status")
        self.assertIn("Connected", done.stdout)
        self.assertIn(f"{CONFIG}:", done.stderr)
        self.machine.shell(f"cat /run/kept.yaml > {CONFIG}")


class UnitsTest(SystemTest):
    UNITS = ("jiro-client.service", "jiro-client@one.service", "jiro-command.socket", "jiro-command@one.service")
    MOST_EXPOSURE = 13  # tenths

    def security(self, unit_file, threshold):
        return self.machine.run(
            "systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", unit_file, check=False
        )

    def test_units_are_understood(self):
        """No unknown key, no bad value, no missing program; and the check sees one when there is one."""
        for unit in self.UNITS:
            with self.subTest(unit):
                done = self.machine.run("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", unit, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.machine.shell("sed s/^ProtectHome=/ProtectHoome=/ /lib/systemd/system/jiro-client.service > /run/systemd/system/wrong.service")
        done = self.machine.run("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", "wrong.service", check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_exposure(self):
        """At most 1.3, for the template and the programs' unit as well; and the threshold is enforced."""
        for name in ("jiro-client.service", "jiro-client@.service", "jiro-command@.service"):
            with self.subTest(name):
                done = self.security(f"/lib/systemd/system/{name}", self.MOST_EXPOSURE)
                verdict = next(line for line in done.stdout.splitlines() if "Overall exposure" in line)
                print(f"\n{name}: {verdict.strip()}")
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertNotEqual(self.security(f"/lib/systemd/system/{name}", 1).returncode, 0)

    def test_units_differ_only_in_the_instance(self):
        """What hardens the one hardens the other."""
        plain, template = (
            self.machine.path(f"/lib/systemd/system/{name}").read_text() for name in ("jiro-client.service", "jiro-client@.service")
        )
        names = (
            ("Jiro client %i", "Jiro client"),
            ("/etc/jiro/%i.yaml", "/etc/jiro/config.yaml"),
            ("StateDirectory=jiro/%i", "StateDirectory=jiro"),
            ("jiro-client-%i", "jiro-client"),
        )
        for ours, theirs in names:
            template = template.replace(ours, theirs)
        self.assertEqual(plain, template)


if __name__ == "__main__":
    unittest.main()
