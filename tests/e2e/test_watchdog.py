# SPDX-License-Identifier: MIT
"""systemd's watchdog is fed while the daemon makes progress, whoever is away; and not while a part of it hangs."""

import os
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.frozen_thread import frozen, thread_of
from harness.notify_socket import NotifySocket
from harness.waiting import holds_for, seconds

LIMIT = seconds(0.9)


class WatchdogTest(DaemonTest):
    def start_watched(self):
        self.systemd = NotifySocket(self.directory / "notify")
        environment = {"NOTIFY_SOCKET": self.systemd.path, "WATCHDOG_USEC": int(LIMIT * 1e6)}
        self.start_client("http://127.0.0.1:1/hub", "http://127.0.0.1:1", environment=environment)
        wait_until(lambda: len(self.systemd.feeds()) >= 3, "it is fed", context=self.client.tail)

    def test_it_is_fed_without_hub_and_grpc_server(self):
        self.start_watched()
        self.assertIn("READY=1", [text for _, text in self.systemd.told])
        times = self.systemd.feeds()
        self.assertLess(max(later - earlier for earlier, later in zip(times, times[1:])), LIMIT)

    @unittest.skipUnless(os.geteuid() == 0, "stopping a thread of a process that hides itself needs root")
    def test_a_storage_thread_that_hangs_is_not_covered_up(self):
        self.start_watched()
        with frozen(thread_of(self.client.pid, "outbox")):
            begun = time.monotonic() + LIMIT / 2  # what was under way may still end
            holds_for(lambda: not self.systemd.feeds(begun), "it is not fed", LIMIT * 2)
            self.client.status()  # the event loop lives
        wait_until(lambda: self.systemd.feeds(begun), "it is fed again", context=self.client.tail)


if __name__ == "__main__":
    unittest.main()
