# SPDX-License-Identifier: MIT
"""The package's own life: upgrade while commands run, conffiles, remove, install again, purge."""

import unittest

from harness.case import COMMANDS, CONFIG, Service, SystemTest


class UpgradeTest(SystemTest):
    def newer(self, version, change=""):
        """The same package with a higher version, and the change made to its files."""
        script = f"""
            set -e
            [ -e /root/unpacked ] || dpkg-deb -R {self.packages["jiro-client"]} /root/unpacked
            rm -rf /root/newer && cp -a /root/unpacked /root/newer && cd /root/newer
            sed -i 's/^Version: .*/Version: {version}/' DEBIAN/control
            {change}
            dpkg-deb -Znone -b . /root/jiro-client_{version}.deb > /dev/null
        """
        self.machine.shell(script)
        return f"/root/jiro-client_{version}.deb"

    def install(self, package, *options):
        return self.machine.run("dpkg", "-i", *options, package)

    def test_1_upgrade_with_commands_running(self):
        """They end and are delivered before the new daemon starts; the configuration, its owner and the enablement stay."""
        self.start_service({"InstanceId": "mine"})
        pid = self.service.pid
        for n in range(3):
            self.hub.post("sleep 3", f"running-{n}")
        self.service.wait_for_status("3 running")
        self.install(self.newer("99.1"))
        self.service.wait_active()
        self.assertNotEqual(self.service.pid, pid)
        for n in range(3):
            row = self.hub.wait_result(f"running-{n}")
            self.assertEqual((row["accepted"], row["isSuccess"]), (1, True))
        self.assertIn('"mine"', self.machine.path(CONFIG).read_text())
        self.assertEqual(self.machine.out("stat", "-c", "%U:%G %a", CONFIG), "root:jiro 640")
        self.assertEqual(self.service.show("UnitFileState"), "enabled")
        self.hub.wait_client()
        self.assertTrue(self.hub.send("echo new")["ok"])

    def test_1_upgrade_as_a_command(self):
        """A command of the hub's user upgrades the client that runs it, through root's unit, and its outcome is the real one."""
        package = self.newer("99.1.1")
        self.file("/etc/systemd/system/upgrade-jiro.service", f"[Service]\nType=oneshot\nExecStart=/usr/bin/dpkg -i {package}\n", 0o644)
        self.file("/etc/systemd/system/upgrade-jiro.socket", "[Socket]\nListenStream=/run/upgrade-jiro.sock\nSocketUser=jiro-cmd\nSocketMode=0600\nAccept=yes\n", 0o644)
        self.file("/etc/systemd/system/upgrade-jiro@.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl start upgrade-jiro.service\nExecStartPost=/bin/echo upgraded\nStandardInput=socket\nStandardOutput=socket\n", 0o644)
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "start", "upgrade-jiro.socket")
        self.addCleanup(lambda: self.machine.run("systemctl", "stop", "upgrade-jiro.socket", check=False))
        ask = ["/usr/bin/perl", "-MIO::Socket::UNIX", "-e", 'my $s = IO::Socket::UNIX->new(Peer => "/run/upgrade-jiro.sock") or die "no socket"; print while <$s>']
        self.start_service({"Commands": {"Exec": {"upgrade": {"Program": ask, "Survives": True}}}})
        pid = self.service.pid
        self.hub.post("upgrade", "upgrades-itself")
        row = self.hub.wait_result("upgrades-itself", 60, self.service.context)
        self.assertEqual((row["accepted"], row["isSuccess"]), (1, True), row)
        self.assertNotEqual(self.service.pid, pid)
        self.assertEqual(self.machine.out("dpkg-query", "-W", "-f", "${Version}", "jiro-client"), "99.1.1")

    def test_2_new_defaults(self):
        """A new version of a configuration that the operator changed does not replace it; it is laid beside it."""
        self.start_service({"InstanceId": "mine"})
        newer = self.newer("99.2", "echo '# a new default' >> etc/jiro/config.yaml")
        self.install(newer, "--force-confold")
        self.assertIn('"mine"', self.machine.path(CONFIG).read_text())
        self.assertIn("# a new default", self.machine.path(CONFIG + ".dpkg-dist").read_text())
        # The operator takes the new one: it is as private as the old one was.
        self.install(self.newer("99.3", "echo '# newer' >> etc/jiro/config.yaml"), "--force-confnew")
        self.assertIn("# newer", self.machine.path(CONFIG).read_text())
        self.assertEqual(self.machine.out("stat", "-c", "%U:%G %a", CONFIG), "root:jiro 640")
        self.service.wait_active()

    def test_3_operators_choices_stay(self):
        """Disabled stays disabled and stopped, masked stays masked; instances are restarted."""
        self.file("/etc/jiro/other.yaml", "Monitoring: {Listen: off}\n", 0o640, "root:jiro")
        self.machine.run("systemctl", "start", "jiro-client@other")
        self.addCleanup(self.machine.run, "systemctl", "stop", "jiro-client@other")
        pid = self.machine.out("systemctl", "show", "-P", "MainPID", "jiro-client@other")
        self.machine.run("systemctl", "disable", "--now", "jiro-client")
        self.install(self.newer("99.4"))
        self.assertEqual((self.service.show("UnitFileState"), self.service.show("ActiveState")), ("disabled", "inactive"))
        self.assertEqual(self.machine.out("systemctl", "is-active", "jiro-client@other"), "active")
        self.assertNotEqual(self.machine.out("systemctl", "show", "-P", "MainPID", "jiro-client@other"), pid)
        self.machine.run("systemctl", "mask", "jiro-client")
        self.addCleanup(self.machine.run, "systemctl", "enable", "jiro-client")
        self.addCleanup(self.machine.run, "systemctl", "unmask", "jiro-client")
        self.install(self.newer("99.5"))
        self.assertEqual((self.service.show("UnitFileState"), self.service.show("ActiveState")), ("masked", "inactive"))

    def test_3_what_is_still_starting(self):
        """A service and an instance that are starting, which may take minutes, and are not enabled: the new version starts in their place."""
        # The first start does not end; the next one does.
        hold = "[Service]\nExecStartPost=+/bin/sh -c 'if mkdir /run/held-%N 2> /dev/null; then exec sleep infinity; fi'\n"
        self.addCleanup(self.machine.run, "bash", "-c", "rmdir /run/held-*")
        self.file("/etc/jiro/other.yaml", "Monitoring: {Listen: off}\n", 0o640, "root:jiro")
        self.machine.run("systemctl", "disable", "--now", "jiro-client")
        self.addCleanup(self.machine.run, "systemctl", "enable", "--now", "jiro-client")
        self.addCleanup(self.machine.run, "systemctl", "stop", "jiro-client@other")
        services = (self.service, Service(self.machine, "jiro-client@other", "/etc/jiro/other.yaml"))
        for service in services:
            self.drop_in(hold, unit=f"{service.unit}.service")
            self.machine.run("systemctl", "start", "--no-block", service.unit)
        for service in services:
            self.wait_until(lambda: self.machine.run("test", "-e", f"/run/held-{service.unit}", check=False).returncode == 0, "it runs")
        self.assertEqual([service.show("ActiveState") for service in services], ["activating", "activating"])
        pids = [service.pid for service in services]
        self.install(self.newer("99.5.1"))
        for service, pid in zip(services, pids, strict=True):
            with self.subTest(service.unit):
                service.wait_active()
                self.assertNotEqual(service.pid, pid)
                self.assertEqual(self.machine.out("readlink", f"/proc/{service.pid}/exe"), "/usr/bin/jiro-client")
        self.assertEqual(self.service.show("UnitFileState"), "disabled")

    def test_4_commands_of_the_configuration_go_on(self):
        """From 0.1.0: commands that config.yaml defines still run, until the operator moves them."""
        self.start_service()
        self.install(self.newer("0.1.0", "rm -r etc/jiro/commands.d"))
        self.machine.run("rm", "-r", "/etc/jiro/commands.d")
        self.machine.run("bash", "-c", "sed -i 's/\"Commands\": {/\"Commands\": {\"Exec\": {\"hi\": {\"Program\": [\"\\/bin\\/echo\", \"hi\"]}},/' $0", CONFIG)
        drop_in = "/etc/systemd/system/jiro-command@.service.d/undefined.conf"
        self.addCleanup(self.machine.run, "rm", "-f", drop_in)
        self.assertIn(drop_in, self.install(self.newer("99.6")).stdout)
        self.service.wait_active()
        self.hub.wait_client()
        self.assertEqual(self.hub.send("hi")["result"]["textResult"]["response"], "hi\n")
        # They were moved, or run as the daemon; a later upgrade leaves the units as strict as they are.
        self.machine.run("rm", "-r", drop_in, "/etc/jiro/commands.d")
        self.assertNotIn(drop_in, self.install(self.newer("99.7")).stdout)
        self.assertEqual(self.machine.run("test", "-e", drop_in, check=False).returncode, 1)
        self.service.wait_active()
        self.hub.wait_client()
        self.assertFalse(self.hub.send("hi")["result"]["isSuccess"])


class RemovalTest(SystemTest):
    def test_1_remove_and_install_again(self):
        """Removed, it is stopped and gone but for its configuration and state; installed again it goes on with both."""
        self.start_service({"InstanceId": "mine"})
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("echo kept", "kept")
        self.service.wait_for_status("1 undelivered")
        done = self.machine.run("apt-get", "remove", "-y", "jiro-client")
        self.assertNotIn("rror", done.stdout + done.stderr)
        self.assertEqual(self.service.show("ActiveState"), "inactive")
        self.assertEqual(self.machine.run("test", "-e", "/usr/bin/jiro-client", check=False).returncode, 1)
        self.machine.run("test", "-s", "/var/lib/jiro/outbox.db")
        self.assertIn('"mine"', self.machine.path(CONFIG).read_text())
        self.machine.run("apt-get", "install", "-y", self.packages["jiro-client"])
        self.service.wait_active()
        self.assertEqual(self.service.show("UnitFileState"), "enabled")
        self.hub.ask("misbehave", "grpc-up")
        self.assertTrue(self.hub.wait_result("kept", 20, self.service.context)["isSuccess"])

    def test_2_purge(self):
        """Purged while it runs, nothing of it is left but its user; the development hub is not touched."""
        self.machine.run("rm", "-rf", "/etc/jiro/credentials", COMMANDS)  # the operator's own
        self.machine.run("systemctl", "enable", "jiro-client@left")
        self.machine.run("apt-get", "purge", "-y", "jiro-client")
        self.nothing_is_left()
        self.assertEqual(self.service.show("LoadState"), "not-found")
        self.assertTrue(self.machine.out("getent", "passwd", "jiro"))
        self.machine.run("apt-get", "purge", "-y", "jiro-dev-hub")
        self.assertEqual(self.machine.out("systemctl", "--failed", "--no-legend"), "")

    def test_3_installed_again_after_a_purge(self):
        """As on the first day."""
        self.machine.run("apt-get", "install", "-y", self.packages["jiro-client"])
        self.service.wait_active()
        self.assertEqual(self.service.show("UnitFileState"), "enabled")
        self.assertNotIn("mine", self.machine.path(CONFIG).read_text())
        self.assertEqual(self.machine.out("stat", "-c", "%U:%G %a", CONFIG), "root:jiro 640")

    def test_4_purge_of_a_state_on_its_own_disk(self):
        """A state folder that is a mount point is emptied and stays; everything else is gone as after any purge."""
        self.service("stop")
        self.machine.shell("rm -r /var/lib/jiro && mkdir /var/lib/jiro && mount -t tmpfs -o mode=755 state /var/lib/jiro")
        self.addCleanup(self.machine.run, "umount", "/var/lib/jiro", check=False)
        self.service("start")
        self.machine.run("test", "-s", "/var/lib/jiro/outbox.db")
        done = self.machine.run("apt-get", "purge", "-y", "jiro-client")
        self.assertIn("of a mount point only the contents are removed", done.stdout)
        self.assertEqual(self.machine.out("ls", "-A", "/var/lib/jiro"), "")
        self.machine.run("umount", "/var/lib/jiro")
        self.machine.run("rmdir", "/var/lib/jiro")
        self.nothing_is_left()

    def nothing_is_left(self):
        for path in ("/etc/jiro", "/var/lib/jiro", "/run/jiro-client", "/run/jiro-command.sock"):
            with self.subTest(path):
                self.assertEqual(self.machine.run("test", "-e", path, check=False).returncode, 1)
        self.assertEqual(self.machine.shell("find /etc/systemd /var/lib/systemd/deb-systemd-helper* -name '*jiro*'").stdout, "")
        self.assertEqual(self.machine.out("dpkg-query", "-W", "-f", "${db:Status-Status}", "jiro-client", check=False), "")


if __name__ == "__main__":
    unittest.main()
