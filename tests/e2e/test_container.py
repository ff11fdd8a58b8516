# SPDX-License-Identifier: MIT
"""The daemon as process 1 of a container: a process namespace of its own, in which others leave processes behind."""

import os
import pathlib
import signal
import subprocess
import unittest

from harness.case import DaemonTest, wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def state(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


class ContainerTest(DaemonTest):
    def setUp(self):
        super().setUp()
        if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no process namespace can be made here")
        commands = {"quick": {"Program": ["/bin/echo", "hello"]}, "leave": {"Program": "setsid sleep 86396 > /dev/null 2>&1 & echo left", "Shell": True}}
        self.link = self.start_all(wrapper=UNSHARE, config={"Commands": {"RunAs": "daemon", "Exec": commands}})
        (self.first,) = children(self.client.pid)
        (self.daemon,) = children(self.first)

    def in_container(self, script):
        return subprocess.run(["nsenter", "-t", str(self.first), "-p", "sh", "-c", script], capture_output=True, text=True, check=True, timeout=20).stdout

    def orphans(self):
        return [pid for pid in children(self.first) if pid != self.daemon]

    def test_it_reaps_what_it_inherits_and_touches_nothing_else(self):
        """Strangers that end are reaped while the daemon is idle; one that lives is not ended with a command's leftovers."""
        self.in_container("for i in 1 2 3; do (setsid sleep 0.1 > /dev/null 2>&1 &); done; (setsid sleep 86395 > /dev/null 2>&1 &)")
        wait_until(lambda: len(self.orphans()) == 1, "those that ended are reaped", 10, context=lambda: str(self.orphans()))
        (stranger,) = self.orphans()
        for name, said in (("quick", "hello"), ("leave", "left")):
            self.link.command(name, name)
            self.assertEqual(self.result(name).response.strip(), said)
        self.assertEqual(state(stranger), "S")
        self.assertEqual([pid for pid in children(self.first) if state(pid) == "Z"], [])
        self.assertEqual(children(self.daemon), [])
        os.kill(stranger, signal.SIGKILL)
        wait_until(lambda: self.orphans() == [], "the stranger is reaped")

    def test_signals_and_the_exit_code_pass_through(self):
        """SIGHUP reloads, SIGTERM stops in order, and the container ends with the daemon's own code."""
        os.kill(self.first, signal.SIGHUP)
        self.client.wait_log("[Rr]eload")
        os.kill(self.first, signal.SIGTERM)
        self.client.wait_log("daemon: Stopped")
        self.assertEqual(self.client.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
