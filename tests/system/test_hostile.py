# SPDX-License-Identifier: MIT
"""Programs of Commands.Exec that mean harm, in the units that the package gives them (Commands.RunAs: unit)."""

import pathlib
import time
import unittest

from harness.case import SystemTest

MARK = "86397"  # seconds that nobody else sleeps
PROGRAM = "/opt/hostile.py"


def command(*program, **more):
    return {"Commands": {"Exec": {"hostile": {"Program": list(program), "TimeoutMs": 120000, **more}}}}


class HostileTest(SystemTest):
    def setUp(self):
        self.machine.write(PROGRAM, (pathlib.Path(__file__).parent / "hostile.py").read_text(), 0o755)

    def alive(self):
        """The processes that were to live on, by their arguments."""
        show = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done 2> /dev/null | grep '^sleep ' | grep $0"
        return self.machine.run("bash", "-c", show, MARK, check=False).stdout.splitlines()

    def units(self):
        return self.machine.out("systemctl", "list-units", "--plain", "--no-legend", "--all", "jiro-command@*.service").splitlines()

    def test_1_reaches_nothing(self):
        """Each way to the daemon is refused, nothing outlives the command, and the daemon is as it was."""
        self.file("/etc/jiro/credentials/api-key", "key-of-the-test\n", 0o600)
        self.drop_in("[Service]\nLoadCredential=api-key:/etc/jiro/credentials/api-key\n")
        user = self.machine.out("id", "-u", "jiro")
        program = command("/usr/bin/python3", PROGRAM, user, "/var/lib/jiro", "/run/credentials/jiro-client.service", MARK)
        self.start_service(program, {"ApiKeyFile": "${CREDENTIALS_DIRECTORY}/api-key"}, hub_flags=("--api-key", "key-of-the-test"))
        before = (self.service.pid, self.service.show("NRestarts"), self.service.show("Nice"))
        result = self.hub.send("hostile", within=90)["result"]
        self.assertTrue(result["isSuccess"], result)
        transcript = result["textResult"]["response"]
        print("\n" + transcript)
        lines = [line for line in transcript.splitlines() if line and "output_incomplete" not in line]  # of what it left behind
        self.assertGreaterEqual(len(lines), 20)
        self.assertEqual([line for line in lines if ": refused" not in line], [])
        self.assertEqual(self.alive(), [])
        self.assertEqual((self.service.pid, self.service.show("NRestarts"), self.service.show("Nice")), before)
        self.assertNotIn("hostile", self.service.status_text)
        self.wait_until(lambda: len(self.units()) == 1, "the units have gone, but for the one that waits")

    def test_2_who_it_is(self):
        """Its own user, no privilege, in a control group of its own with limits of its own."""
        self.start_service(command("/bin/sh", "-c", "id -un; cat /proc/self/cgroup; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; pwd; echo to stderr > /dev/stderr"))
        text = self.hub.send("hostile")["result"]["textResult"]["response"]
        self.assertIn("jiro-cmd\n", text)
        self.assertIn("jiro-command@", text)
        self.assertRegex(text, r"CapEff:\s+0{16}\nNoNewPrivs:\s+1\nSeccomp:\s+2")

    def test_3_a_program_that_stops_its_unit(self):
        """It stops or ends the process that watches over it, and lives no longer for it."""
        for script in (f"kill -STOP $PPID; setsid sleep {MARK} & exec sleep {MARK}", f"kill -KILL $PPID; setsid sleep {MARK} & exec sleep {MARK}"):
            self.start_service(command("/bin/sh", "-c", script, TimeoutMs=1000, KillGraceMs=100))
            self.assertFalse(self.hub.send("hostile", within=30)["result"]["isSuccess"])
            self.wait_until(lambda: self.alive() == [], "nothing of it is alive", 30)
            self.assertTrue(self.hub.send("echo still here")["ok"])

    def test_4_the_daemons_end_is_the_programs(self):
        """After kill -9 of the daemon nothing that it ran goes on."""
        self.start_service(command("/bin/sh", "-c", f"setsid sleep {MARK} & exec sleep {MARK}"))
        self.hub.post("hostile", "killed-with-the-daemon")
        self.wait_until(lambda: len(self.alive()) == 2, "it runs")
        self.machine.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "jiro-client")
        self.wait_until(lambda: self.alive() == [], "nothing of it is alive")
        self.service.wait_active()

    def test_5_memory_and_processes(self):
        """What eats the memory or forks without end is stopped at its own group's limit; the daemon does not notice."""
        eat = "a = []\nwhile True: a.append(bytearray(16 * 1024 * 1024))"
        self.drop_in("[Service]\nMemoryMax=64M\nMemorySwapMax=0\nTasksMax=20\n", unit="jiro-command@.service")
        self.start_service(command("/usr/bin/python3", "-c", eat))
        pid = self.service.pid
        has_memory = self.machine.run("grep", "-qw", "memory", "/sys/fs/cgroup/cgroup.controllers", check=False).returncode == 0
        if has_memory:  # a host whose groups are of version 1 keeps that controller to itself
            self.assertIn("killed by signal 9", self.hub.send("hostile", within=60)["result"]["textResult"]["response"])
        self.service.configure(command("/bin/sh", "-c", f"for i in $(seq 100); do sleep {MARK} & done; wait", TimeoutMs=2000, KillGraceMs=100))
        self.service("reload")
        self.assertFalse(self.hub.send("hostile", within=30)["result"]["isSuccess"])
        self.assertEqual(self.alive(), [])
        self.assertEqual(self.service.pid, pid)

    def test_6_as_the_daemon(self):
        """RunAs: daemon says what it is, and even so the control socket takes no order from a program."""
        order = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/jiro-client/control.sock'); s.sendall(b'POST /reload HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n'); print(s.recv(100).split()[1].decode())"
        self.start_service(command("/usr/bin/python3", "-c", order), {"Commands": {"RunAs": "daemon"}})
        self.assertEqual(self.hub.send("hostile")["result"]["textResult"]["response"].strip(), "403")
        self.assertIn("run as the daemon's user", self.machine.run("jiro-client", "check-config").stderr)
        self.machine.run("jiro-client", "reload")  # root may

    def test_7_a_daemon_that_was_taken_over(self):
        """Whoever has the daemon's user can ask the units for what root defined, and for nothing else."""
        show = {"Program": ["/bin/sh", "-c", "echo \"root's $1\"; id -un", "sh", "{word}"], "Parameters": {"word": {"Pattern": "[a-z]+"}}}
        self.start_service({"Commands": {"Exec": {"show": show}}})
        self.machine.write("/opt/taken_over.py", (pathlib.Path(__file__).parent / "taken_over.py").read_text(), 0o755)

        def ask(name, *values):
            done = self.machine.run("setpriv", "--reuid=jiro", "--regid=jiro", "--clear-groups", "/opt/taken_over.py", name, *values, check=False)
            return done.stdout + done.stderr

        self.assertEqual(ask("show", "abc"), "root's abc\njiro-cmd\n")
        self.assertIn("word \"a;id\"", ask("show", "a;id"))
        self.assertIn("the command other is not defined in", ask("other"))
        self.file("/etc/jiro/commands.d/theirs.yaml", "theirs: { Program: [/bin/echo, theirs] }\n", 0o644, "jiro:jiro")
        self.assertIn("others may write it", ask("theirs"))
        self.assertIn("not defined in", ask("../../../tmp/x"))
        # A command of config.yaml, which units cannot read: refused by its name, and check-config warns.
        self.machine.run("bash", "-c", "sed -i 's/\"Commands\": {/\"Commands\": {\"Exec\": {\"elsewhere\": {\"Program\": [\"\\/bin\\/true\"]}},/' /etc/jiro/config.yaml")
        self.machine.run("rm", "/etc/jiro/commands.d/theirs.yaml")
        self.service("reload")
        result = self.hub.send("elsewhere")["result"]
        self.assertFalse(result["isSuccess"])
        self.assertIn("the command elsewhere is not defined in", result["textResult"]["response"])
        self.assertIn("not in /etc/jiro/commands.d/: elsewhere", self.machine.run("jiro-client", "check-config").stderr)
        self.drop_in("[Service]\nExecStart=\nExecStart=/usr/bin/jiro-client run-command --definitions /run/jiro-commands.d --known-as /etc/jiro/commands.d --run-undefined\n", "undefined", "jiro-command@.service")
        self.service("reload")
        self.assertTrue(self.hub.send("elsewhere")["result"]["isSuccess"])


class CostTest(SystemTest):
    def test_cost_of_a_unit(self):
        """Latency one after the other and with pauses, and commands a second sixteen at a time, beside a child of the daemon."""
        for run_as in ("daemon", "unit"):
            self.start_service({"Commands": {"RunAs": run_as, "Exec": {"true": {"Program": ["/bin/true"]}}}})
            for _ in range(11):
                time.sleep(0.5)  # as seldom as a person asks: a unit waits by then
                self.hub.send("true")
            took = [int(entry["JIRO_DURATION_MS"]) for entry in self.service.journal("JIRO_COMMAND=true") if "JIRO_DURATION_MS" in entry]
            seldom = sorted(took[1:])[5]
            for _ in range(10):
                time.sleep(1)
                self.hub.ask("send", "true", "--count", "4", "--parallel", timeout=120)
            took = [int(entry["JIRO_DURATION_MS"]) for entry in self.service.journal("JIRO_COMMAND=true") if "JIRO_DURATION_MS" in entry]
            four = sorted(took[15:])
            started = time.monotonic()
            self.hub.ask("send", "true", "--count", "20", timeout=120)
            one = (time.monotonic() - started) / 20
            started = time.monotonic()
            self.hub.ask("send", "true", "--count", "100", "--parallel", "--timeout", "110000", timeout=120)
            rate = 100 / (time.monotonic() - started)
            print(f"\n  RunAs {run_as}: {seldom} ms with pauses, four at once {four[len(four) // 2]} ms (the slowest of a tenth {four[len(four) * 9 // 10]} ms), {1000 * one:.0f} ms one after the other, {rate:.0f}/s at 16 in parallel")


if __name__ == "__main__":
    unittest.main()
