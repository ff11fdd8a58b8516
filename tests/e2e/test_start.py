# SPDX-License-Identifier: MIT
"""The start: signals that come too early, and what is not to be had at the moment."""

import fcntl
import os
import resource
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import programs
from harness.case import DaemonTest, wait_until


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class EarlySignalTest(DaemonTest):
    def start_held(self):
        """A daemon that has come to main and cannot open its outbox yet; returns what lets it."""
        self.start_hub()
        self.start_grpc()
        client = self.start_client(start=False)
        lock = open(str(client.outbox) + ".lock", "w", encoding="ascii")
        fcntl.flock(lock, fcntl.LOCK_EX)
        client.start()

        def holds_signals():
            with open(f"/proc/{client.pid}/status", encoding="ascii") as status:
                held = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))
            # Not all of them: those are held for the moment in which a thread is made.
            return held & 1 << signal.SIGHUP - 1 and not held & 1 << signal.SIGUSR2 - 1

        wait_until(holds_signals, "the signals are held", poll=0.001)
        return lock

    def test_a_reload_before_the_handlers_is_done_when_they_are_there(self):
        lock = self.start_held()
        self.client.signal(signal.SIGHUP)
        lock.close()
        self.client.wait_log("Configuration reloaded")
        self.assert_serves()

    def test_a_stop_before_the_handlers_is_an_orderly_stop(self):
        lock = self.start_held()
        self.client.signal(signal.SIGTERM)
        lock.close()
        self.assertEqual(self.client.wait_exit(), 0)
        self.assertTrue(self.client.logged("Stopped"))


@unittest.skipIf(programs.sanitizers(), "a sanitizer needs descriptors of its own")
class LackTest(DaemonTest):
    def test_under_a_limit_of_file_sizes(self):
        """What cannot be written is an error like another; programs get SIGXFSZ as ever."""
        ignored = {"Program": ["/bin/grep", "SigIgn", "/proc/self/status"]}
        link = self.start_all(wrapper=["prlimit", "--fsize=300000"], config={"Commands": {"RunAs": "daemon", "Exec": {"ignored": ignored}}})
        link.command("ignored", "i")
        self.assertRegex(self.result("i").response, r"^SigIgn:\s*0{16}\n$")
        self.assertTrue(self.client.is_running())

    @unittest.skipUnless(os.geteuid() == 0 and os.system("unshare --mount true 2>/dev/null") == 0, "needs root and mount namespaces")
    def test_a_null_device_that_cannot_be_opened_is_named(self):
        """One that is no device, as a file system without devices has it; seen by this daemon only."""
        hide = f"mount -t tmpfs -o nodev none {self.directory / 'nodev'} && mknod {self.directory / 'nodev' / 'null'} c 1 3 && "\
               f"mount --bind {self.directory / 'nodev' / 'null'} /dev/null && exec \"$@\""
        (self.directory / "nodev").mkdir()
        link = self.start_all(wrapper=["unshare", "--mount", "sh", "-c", hide, "sh"],
                              config={"Commands": {"RunAs": "daemon", "Exec": {"true": {"Program": ["/bin/true"]}}}})
        link.command("true", "t")
        self.assertRegex(self.result("t").response, "cannot start .*/bin/true: /dev/null cannot be opened: Permission denied; .*mknod -m 666")

    def test_no_descriptors_before_the_first_delivery_are_no_end(self):
        link = self.start_all(config={"Commands": {"MaxConcurrent": 200, "Exec": {"wait": {"Program": ["/bin/sleep", "2"]}}}})
        before = descriptors_of(self.client.pid)
        limit = resource.prlimit(self.client.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.client.pid, resource.RLIMIT_NOFILE, (before + 6, limit[1]))
        for number in range(30):
            link.command("wait", f"wait-{number}")
        self.client.wait_log("Command ended")
        time.sleep(1)  # results would go out now, and could not
        self.assertTrue(self.client.is_running(), self.client.tail())
        resource.prlimit(self.client.pid, resource.RLIMIT_NOFILE, limit)
        for number in range(30):
            self.result(f"wait-{number}", within=30)
        self.assert_serves()

    def test_a_start_without_descriptors_is_refused_by_name(self):
        client = programs.Client(self.directory, start=False)
        for most in (8, 16, 24, 32, 48, 63):
            with self.subTest(most):
                start = f'ulimit -n {most}; exec "$0" run --config "$1"'
                ended = subprocess.run(["sh", "-c", start, programs.CLIENT, str(client.config_file)], env=programs.clean_environment(),
                                       stderr=subprocess.PIPE, text=True, timeout=15)
                is_loaded = "error while loading" not in ended.stderr
                self.assertEqual(ended.returncode, 1 if is_loaded else 127, ended.stderr)
                if is_loaded:
                    self.assertRegex(ended.stderr, f"Cannot start.*only {most} files may be open.*LimitNOFILE")

    def test_a_database_that_another_program_holds_is_waited_for(self):
        link = self.start_all()
        link.command("echo before", "before")
        self.result("before")
        self.client.stop()
        other = sqlite3.connect(self.client.outbox, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.client.start()
        self.client.wait_log("another program has it open")
        self.client.wait_status(lambda s: not s["outbox"]["writable"], "it says so")
        other.close()
        self.client.wait_status(lambda s: s["outbox"]["writable"], "it goes on by itself")
        self.assert_serves()


if __name__ == "__main__":
    unittest.main()
