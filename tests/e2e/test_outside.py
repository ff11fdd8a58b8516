"""What is outside and hangs: files that are none, name servers that say nothing. The daemon serves, and stops, meanwhile."""

import os
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.outside import Promptness, SilentNameServers


@unittest.skipUnless(SilentNameServers.are_possible(), "needs root and mount namespaces")
class NameServerTest(DaemonTest):
    def start_behind(self, servers, **options):
        self.servers = SilentNameServers(self.directory.path, servers)
        self.addCleanup(self.servers.close)
        self.start_client("http://hub.silent.test/hub", "http://results.silent.test:5001", wrapper=self.servers.wrapper, **options)
        self.client.wait_state("Connecting")

    def threads(self, name):
        found = []
        for task in os.listdir(f"/proc/{self.client.pid}/task"):
            try:
                with open(f"/proc/{self.client.pid}/task/{task}/comm") as file:
                    found.append(file.read().strip())
            except OSError:
                pass  # it has ended
        return found.count(name)

    def test_a_stop_does_not_wait_for_a_look_up(self):
        self.start_behind(3)
        wait_until(lambda: self.threads("resolver") == 1, "it looks the name up")
        started = time.monotonic()
        self.client.signal(15)
        self.client.wait_log("Stopped")
        stopped = time.monotonic()
        self.assertEqual(self.client.wait_exit(), 0, self.client.tail())
        self.assertLess(time.monotonic() - stopped, seconds(0.1), "it went on after it had said that it was over")
        self.assertLess(stopped - started, seconds(3))
        self.assertFalse(list(self.directory.path.glob("state/outbox.db-wal")), "the outbox was not closed")

    def test_attempts_that_are_given_up_leave_one_look_up_behind(self):
        self.start_behind(3)
        watch = Promptness(self.client)
        for _ in range(5):
            # A reload tries at once; what the attempt before asked for hangs still.
            self.client.signal(1)
            time.sleep(0.3)
        self.assertEqual(self.threads("resolver"), 1)
        watch.check(self)


if __name__ == "__main__":
    unittest.main()
