# SPDX-License-Identifier: MIT
"""The daemon as a service: start, status line, journal, reload, stop, crash, stall. Each test starts it anew."""

import hashlib
import json
import time
import unittest

from harness.case import CONFIG, SystemTest

RELOAD_REFUSED = "c3e97b20a4164d8f8e5b2a7d9f106c63"
INTERRUPTED = "e94b6f3d7a0c4521a8d6103f5c2b9e85"
AUDIT = "a4d1c7e2905b4f3c8e6f27b1d8305c96"


class StartTest(SystemTest):
    def test_hub_that_appears_late(self):
        """READY does not wait for the hub; when it appears the daemon is there by itself."""
        self.hub.stop()
        self.service.configure()
        before = time.monotonic()
        self.service("restart")
        self.assertLess(time.monotonic() - before, 5)
        self.assertEqual(self.service.show("SubState"), "running")
        self.wait_until(lambda: "Reconnecting" in self.service.status_text or "Connecting" in self.service.status_text, "it tries")
        self.hub.start()
        self.service.wait_for_status("Connected to 127.0.0.1")
        self.assertTrue(self.hub.send("echo late")["ok"])

    def test_status_line(self):
        """`systemctl status` says in words what runs and what is not delivered, and follows."""
        self.start_service()
        self.assertEqual(self.service.wait_for_status("Connected"), "Connected to 127.0.0.1; 0 running, 0 queued, 0 undelivered")
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("sleep 8", "long")
        self.hub.post("echo short", "short")
        self.service.wait_for_status("1 running, 0 queued, 1 undelivered (oldest ")
        self.assertIn(self.service.status_text, self.machine.out("systemctl", "status", "jiro-client"))
        self.hub.ask("misbehave", "grpc-up")
        self.hub.wait_result("long")
        self.service.wait_for_status("0 running, 0 queued, 0 undelivered")

    def test_wrong_configuration_is_not_tried_again(self):
        """Exit code 78, every error in the journal with its place, no restart; repaired, it starts."""
        self.drop_in("[Service]\nRestartSec=100ms\n")
        self.start_service()
        self.service.configure({"Grpc": {"TimeoutMs": -1}, "WebSocket": {"HubUri": "x"}})
        self.assertNotEqual(self.service("restart", check=False).returncode, 0)
        self.assertEqual((self.service.show("ExecMainStatus"), self.service.show("Result")), ("78", "exit-code"))
        said = "\n".join(entry["MESSAGE"] for entry in self.service.journal())
        for text in ("Grpc.TimeoutMs", "WebSocket.HubUri", "HubUrl", f"{CONFIG}:"):
            self.assertIn(text, said)
        time.sleep(1)
        self.assertEqual((self.service.show("ActiveState"), self.service.show("NRestarts")), ("failed", "0"))
        self.start_service()

    def test_credentials_in_the_stock_unit(self):
        """The unit's commented LoadCredential= line does what it says: a key that the daemon's user cannot read itself."""
        self.file("/etc/jiro/credentials/api-key", "key-of-the-test\n", 0o600)
        self.drop_in("[Service]\nLoadCredential=api-key:/etc/jiro/credentials/api-key\n")
        self.start_service({"ApiKeyFile": "${CREDENTIALS_DIRECTORY}/api-key"}, hub_flags=("--api-key", "key-of-the-test"))
        self.assertTrue(self.hub.send("echo with a key")["ok"])


class JournalTest(SystemTest):
    def test_life_of_a_command(self):
        """One field shows one command's whole life, each step with its own fields."""
        self.start_service()
        self.assertTrue(self.hub.send("echo hello", "--id", "cmd-456-789", "--session", "session-1")["ok"])
        self.assertTrue(self.hub.send("echo other", "--id", "cmd-456-790")["ok"])

        def delivered():
            life = self.service.journal("JIRO_COMMAND_SYNC_ID=cmd-456-789")
            return life if "Result delivered" in life[-1]["MESSAGE"] else None

        received, audited, ended, confirmed = self.wait_until(delivered, "the last line")
        self.assertTrue(received["MESSAGE"].startswith("Command received"), received)
        self.assertEqual(received["JIRO_SESSION_ID"], "session-1")
        self.assertTrue(ended["MESSAGE"].startswith("Command ended"), ended)
        self.assertEqual((ended["JIRO_COMMAND"], ended["JIRO_OUTCOME"]), ("echo", "succeeded"))
        self.assertGreaterEqual(int(ended["JIRO_DURATION_MS"]), 0)
        self.assertEqual((confirmed["JIRO_OUTCOME"], confirmed["JIRO_ATTEMPT"], confirmed["JIRO_GRPC_STATUS"]), ("succeeded", "1", "OK"))
        self.assertEqual((audited["MESSAGE_ID"], audited["JIRO_COMMAND"], audited["JIRO_USER"]), (AUDIT, "echo", "jiro"))
        self.assertEqual(audited["JIRO_TEXT_SHA256"], hashlib.sha256(b"echo hello").hexdigest())
        for entry in (received, audited, ended, confirmed):
            self.assertEqual(entry["PRIORITY"], "6")
            self.assertEqual(entry["_TRANSPORT"], "journal")
            self.assertEqual(entry["SYSLOG_IDENTIFIER"], "jiro-client")
            self.assertNotIn("hello", json.dumps(entry))  # texts are private by default

    def test_connection_fields(self):
        """The connection's story can be searched, too."""
        self.start_service()
        (connected,) = self.service.journal("JIRO_STATE=Connected")
        self.assertTrue(connected["JIRO_CONNECTION_ID"])
        self.assertEqual(connected["PRIORITY"], "6")
        self.hub.ask("misbehave", "drop")
        self.wait_until(lambda: len(self.service.journal("JIRO_STATE=Connected")) == 2, "connected again")
        (lost,) = self.service.journal("JIRO_STATE=Reconnecting")
        self.assertLessEqual(int(lost["PRIORITY"]), 5)

    def test_catalog_covers_all_ids(self):
        """Every MESSAGE_ID that the package ships is in the machine's catalog."""
        listed = self.machine.out("journalctl", "--list-catalog")
        ids = self.machine.out("grep", "-hoE", "^-- [0-9a-f]{32}", "/lib/systemd/catalog/jiro-client.catalog").split()[1::2]
        self.assertGreaterEqual(len(ids), 7)
        for message_id in ids:
            self.assertIn(message_id, listed)

    def test_control_characters_are_escaped(self):
        """What the hub sends cannot write to an operator's terminal nor forge a line or a field."""
        self.start_service({"Logging": {"CommandText": True}})
        self.hub.send("echo \x1b[31mred\x1b[0m\nMESSAGE=forged\nJIRO_OUTCOME=forged", "--id", "escape")
        self.hub.send("no\x1b]0;title\x07such", "--id", "escape-name")
        entries = self.service.journal("JIRO_COMMAND_SYNC_ID=escape") + self.service.journal("JIRO_COMMAND_SYNC_ID=escape-name")
        self.assertGreaterEqual(len(entries), 4)
        for entry in entries:
            self.assertIsInstance(entry["MESSAGE"], str)  # a list of numbers: the journal holds control characters
            self.assertRegex(entry["MESSAGE"], r"^[^\x00-\x1f\x7f-\x9f]*$")
            self.assertNotEqual(entry.get("JIRO_OUTCOME"), "forged")
        self.assertEqual(self.service.journal("JIRO_OUTCOME=forged"), [])


class ReloadTest(SystemTest):
    def test_good(self):
        """In force at once, in the same process and connection; what waits for a restart is named."""
        self.start_service()
        pid, connected = self.service.pid, self.service.journal("JIRO_STATE=Connected")
        extra = {"Commands": {"Exec": {"hello": {"Program": ["/bin/echo", "hello"]}}}, "Monitoring": {"Listen": "127.0.0.1:9471"}}
        self.service.configure(extra)
        self.assertFalse(self.hub.send("hello")["result"]["isSuccess"])
        done = self.machine.run("jiro-client", "reload", "--wait")
        self.assertIn("restart: Monitoring.Listen\n", done.stdout)  # and nothing else
        self.assertTrue(self.hub.send("hello")["result"]["isSuccess"])
        self.service("reload")
        self.assertEqual(self.service.show("ActiveState"), "active")
        self.assertEqual((self.service.pid, len(self.service.journal("JIRO_STATE=Connected"))), (pid, len(connected)))

    def test_refused(self):
        """`systemctl reload` fails, all errors are said, STATUS says so, everything goes on; the next good one clears it."""
        self.start_service()
        pid = self.service.pid
        self.service.configure({"Grpc": {"TimeoutMs": -1}, "WebSocket": {"HubUri": "x"}})
        self.assertNotEqual(self.service("reload", check=False).returncode, 0)
        self.assertEqual((self.service.show("ActiveState"), self.service.pid), ("active", pid))
        self.service.wait_for_status("last reload refused")
        done = self.machine.run("jiro-client", "reload", "--wait", check=False)
        self.assertEqual(done.returncode, 1)
        for error in ("Grpc.TimeoutMs", "WebSocket.HubUri"):
            self.assertIn(error, done.stdout + done.stderr)
        refused = self.service.journal(f"MESSAGE_ID={RELOAD_REFUSED}")
        self.assertGreaterEqual(len(refused), 2)
        self.assertEqual({entry["PRIORITY"] for entry in refused}, {"3"})
        self.assertTrue(self.hub.send("echo still here")["ok"])
        self.service.configure()
        self.service("reload")
        self.wait_until(lambda: "refused" not in self.service.status_text, "the complaint is gone")

    def test_signal_and_new_addresses(self):
        """SIGHUP does the same; a hub that moved is followed, and results go to the new server."""
        self.start_service()
        moved = {"WebSocket": {"HubUrl": "http://127.0.0.1:5011/instanceHub"}, "Grpc": {"ServerUrl": "http://127.0.0.1:5012"}}
        other = self.other_hub()
        self.service.configure(moved)
        self.machine.run("systemctl", "kill", "-s", "HUP", "--kill-whom=main", "jiro-client")
        other.wait_client()
        self.assertTrue(other.send("echo moved")["ok"])

    def other_hub(self):
        hub = type(self.hub)(self.machine, "other-hub", 5011, 5012)
        hub.start()
        self.addCleanup(hub.stop)
        return hub


class StopTest(SystemTest):
    def test_stop_under_load(self):
        """What runs ends and is delivered before the process does; what waits runs after the next start. Nothing twice."""
        self.start_service({"Commands": {"MaxConcurrent": 4}})
        names = [f"load-{n}" for n in range(1, 9)]
        self.hub.post("sleep 4", "load", "--count", "8", "--parallel")
        self.service.wait_for_status("4 running, 4 queued")
        self.service("stop")
        self.assertEqual(self.service.show("Result"), "success")
        first = {row["commandSyncId"]: row for row in self.hub.results()}
        self.assertEqual(sum(row["accepted"] for name, row in first.items() if name in names), 4)
        self.assertTrue(all(row["isSuccess"] for row in first.values()))
        said = [entry["MESSAGE"] for entry in self.service.journal()]
        self.assertTrue(any(text.startswith("Stopping") for text in said), said)
        self.assertTrue(any(text.startswith("Stopped") for text in said), said)
        self.service("start")
        for name in names:
            row = self.hub.wait_result(name, 30, self.service.context)
            self.assertEqual((row["accepted"], row["conflicting"], row["isSuccess"]), (1, 0, True), name)

    def test_status_while_stopping(self):
        """While it drains, `systemctl status` says that it stops and what it waits for, and no new command starts."""
        self.start_service()
        self.hub.post("sleep 8", "while-stopping")
        self.service.wait_for_status("1 running")
        stopping = self.machine.start("systemctl", "stop", "jiro-client")
        self.service.wait_for_status("Stopping; ")
        self.assertEqual(self.service.show("ActiveState"), "deactivating")
        self.assertEqual(stopping.wait(30), 0)
        self.assertTrue(self.hub.result("while-stopping")["isSuccess"])

    def test_kill(self):
        """After kill -9 it is back in RestartSec=; what ran is told as interrupted, what was done is delivered, nothing is run twice."""
        self.start_service()
        self.machine.write("/usr/local/bin/once", "#!/bin/sh\necho x >> /var/lib/jiro/once; exec sleep 60\n", 0o755)
        self.service.configure({"Commands": {"RunAs": "daemon", "Exec": {"once": {"Program": ["/usr/local/bin/once"]}}}})
        self.service("reload")
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("echo done before", "done-before")
        self.hub.post("once", "ran")
        self.service.wait_for_status("1 running, 0 queued, 1 undelivered")
        self.machine.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "jiro-client")
        self.wait_until(lambda: self.service.show("NRestarts") == "1" and self.service.show("ActiveState") == "active", "it is back", 15)
        self.assertEqual([entry["JIRO_COMMAND_SYNC_ID"] for entry in self.service.journal(f"MESSAGE_ID={INTERRUPTED}")], ["ran"])
        group = f"/sys/fs/cgroup{self.service.show('ControlGroup')}/cgroup.procs"
        self.assertEqual(self.machine.out("cat", group), str(self.service.pid))  # what the dead daemon ran is gone, too
        self.hub.ask("misbehave", "grpc-up")
        done = self.hub.wait_result("done-before", 20, self.service.context)
        self.assertEqual((done["accepted"], done["isSuccess"]), (1, True))
        ran = self.hub.wait_result("ran", 20, self.service.context)
        self.assertEqual((ran["accepted"], ran["isSuccess"]), (1, False))
        self.assertTrue(self.hub.send("echo after")["ok"])
        self.assertEqual(self.machine.path("/var/lib/jiro/once").read_text(), "x\n")

    def test_a_program_that_survives(self):
        """Through a restart, a kill -9 and a crash loop of the daemon, in systemd's own descriptor store; at a stop it ends."""
        self.drop_in("[Service]\nRestartSec=100ms\n")
        script = "echo begun; while [ ! -e /run/go-on ]; do sleep 0.1; done; echo done; exit 3"
        surviving = {"Program": script, "Shell": True, "Survives": True, "SuccessExitCodes": [3], "TimeoutMs": 120_000}
        self.addCleanup(lambda: self.machine.run("rm", "-f", "/run/go-on", check=False))
        self.start_service({"Commands": {"Exec": {"survivor": surviving}}})

        def held():
            return self.service.show("NFileDescriptorStore")

        def restarted(pid):
            self.wait_until(lambda: self.service.pid not in (0, pid), "another process", 20)
            self.hub.wait_client()
            self.service.wait_for_status("1 running, 0 queued")
            self.assertEqual(held(), "4")

        self.hub.post("survivor", "survives")
        self.service.wait_for_status("1 running")
        self.wait_until(lambda: held() == "4", "systemd holds it")
        unit = self.machine.out("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "jiro-command@*").split()[0]
        program = self.machine.out("systemctl", "show", "-P", "MainPID", unit)
        pid = self.service.pid
        before = time.monotonic()
        self.service("restart")
        self.assertLess(time.monotonic() - before, 10)
        restarted(pid)
        pid = self.service.pid
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "jiro-client")
        restarted(pid)
        self.assertEqual(self.machine.out("systemctl", "show", "-P", "MainPID", unit), program)
        self.machine.run("touch", "/run/go-on")
        row = self.hub.wait_result("survives", 20, self.service.context)
        self.assertEqual((row["accepted"], row["isSuccess"]), (1, True), row)
        self.wait_until(lambda: held() == "0", "systemd holds nothing")
        self.wait_until(lambda: self.machine.out("systemctl", "show", "-P", "MainPID", unit) == "0", "its unit has ended")

        self.machine.run("rm", "/run/go-on")
        self.hub.post("survivor", "stopped")
        self.wait_until(lambda: held() == "4", "systemd holds the next")
        self.service("stop")
        self.service("start")
        row = self.hub.wait_result("stopped", 20, self.service.context)
        self.assertEqual((row["accepted"], row["isSuccess"]), (1, False), row)

    def test_redo_log(self):
        """It lies in the unit's runtime folder, for the daemon's eyes only, survives kill -9, and a stop leaves nothing in it."""
        log = "/run/jiro-client/redo.log"
        self.drop_in("[Service]\nRestart=no\n")
        self.start_service()
        self.assertEqual(self.machine.out("stat", "-c", "%U:%G %a", log), "jiro:jiro 600")
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("echo kept", "kept-in-redo-log")
        self.service.wait_for_status("1 undelivered")
        self.machine.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "jiro-client")
        self.wait_until(lambda: self.service.show("ActiveState") == "failed", "systemd noticed")
        self.machine.run("test", "-e", log)
        self.service("start")
        self.hub.ask("misbehave", "grpc-up")
        self.assertTrue(self.hub.wait_result("kept-in-redo-log", 20, self.service.context)["isSuccess"])
        self.service("stop")
        self.assertEqual(self.machine.out("ls", "/run/jiro-client"), "hold")

    def test_watchdog(self):
        """A process that makes no progress is ended and started again, and goes on with what was in its outbox."""
        self.drop_in("[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
        self.start_service()
        time.sleep(5)  # more than twice the limit: fed, it lives
        self.assertEqual(self.service.show("NRestarts"), "0")
        self.hub.ask("misbehave", "grpc-down")
        self.hub.post("echo before the stall", "before-the-stall")
        self.service.wait_for_status("1 undelivered")
        pid = self.service.pid
        self.machine.run("systemctl", "kill", "-s", "STOP", "--kill-whom=main", "jiro-client")
        self.wait_until(lambda: self.service.show("NRestarts") == "1", "systemd noticed", 30)
        self.service.wait_active()
        self.assertNotEqual(self.service.pid, pid)
        self.assertIn("Watchdog timeout", self.machine.out("journalctl", "-u", "jiro-client", "-o", "cat"))
        self.hub.ask("misbehave", "grpc-up")
        self.assertTrue(self.hub.wait_result("before-the-stall", 20, self.service.context)["isSuccess"])

    def test_a_lost_network_does_not_trip_the_watchdog(self):
        """Alive means progress, not connectivity."""
        self.drop_in("[Service]\nWatchdogSec=1s\n")
        self.start_service()
        self.hub.stop()
        time.sleep(3)
        self.assertEqual((self.service.show("NRestarts"), self.service.show("ActiveState")), ("0", "active"))
        self.assertIn("econnecting", self.service.status_text)


if __name__ == "__main__":
    unittest.main()
