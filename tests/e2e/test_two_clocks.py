# SPDX-License-Identifier: MIT
"""The wall clock is set while results wait, while ids are remembered, and between two runs: ages are elapsed time all the same."""

import pathlib
import shutil
import subprocess
import time
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.programs import preloaded
from harness.signing import OPENSSL, Signer

DAY = 24 * 3600
COMPILER = shutil.which("cc") or shutil.which("gcc")


@unittest.skipUnless(COMPILER, "needs a C compiler")
class TwoClocksTest(DaemonTest):
    def start_with_a_clock(self, behaviour=None, ahead=0, **options):
        self.offset = self.directory / "ahead"
        shim = self.directory / "wall_clock.so"
        source = pathlib.Path(__file__).parent / "harness" / "wall_clock.c"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
        self.set_clock(ahead)
        environment = {"LD_PRELOAD": preloaded(shim), "E2E_WALL_CLOCK": self.offset}
        return self.start_all(behaviour, environment=environment, **options)

    def set_clock(self, seconds):
        new = self.offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.offset)

    def away(self):
        self.is_away = True
        return lambda message, nth: Reply.status("UNAVAILABLE") if self.is_away else Reply.ok()

    def expect_delivered_when_it_is_back(self, ids):
        time.sleep(1)
        self.assertEqual(self.client.logged("undeliverable"), [])
        self.is_away = False
        self.client.signal(1)
        for command_id in ids:
            self.result(command_id, 30)
        self.assertEqual(self.client.status()["outbox"]["deadLetters"], 0)

    @unittest.skipUnless(OPENSSL, "needs OpenSSL's command line")
    def test_what_ran_out_does_not_come_back_with_the_clock(self):
        """A signature that is too late stays so when the clock is set back."""
        signer = Signer(self.directory.path)
        signer.trust_in(self.directory / "trusted.d")
        trust = {"Keys": str(self.directory / "trusted.d"), "Require": "all"}
        link = self.start_with_a_clock(config={"InstanceId": "web1", "Commands": {"Trust": trust}})
        for ahead, sync_id, expected in ((0, "a", "a"), (2 * 3600, "b", "is too late"), (0, "c", "is too late")):
            self.set_clock(ahead)
            link.command(f"echo {sync_id}", sync_id, parameters=signer.parameters(f"echo {sync_id}", sync_id))
            self.assertIn(expected, self.result(sync_id).response)
        self.client.stop()
        self.client.start()
        self.client.wait_connected()
        self.connection().command("echo d", "d", parameters=signer.parameters("echo d", "d"))
        self.assertEqual(self.result("d").response, "d", "the clock is right again, and the daemon was restarted")

    def set_while_results_wait(self, ahead):
        link = self.start_with_a_clock(self.away())
        ids = [f"id-{number}" for number in range(6)]
        for command_id in ids:
            link.command("echo a", command_id)
        self.client.wait_status(lambda s: s["outbox"]["pending"] == len(ids), "all to wait")
        self.set_clock(ahead)
        self.client.signal(1)
        self.expect_delivered_when_it_is_back(ids)

    def test_fresh_results_are_not_old_because_the_clock_is_set_ahead(self):
        self.set_while_results_wait(30 * DAY)

    def test_results_go_out_although_the_clock_is_set_back(self):
        self.set_while_results_wait(-2 * DAY)

    def test_from_1970_to_now_and_across_a_restart(self):
        link = self.start_with_a_clock(self.away(), ahead=-int(time.time()) + 60)
        link.command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it to wait")
        self.set_clock(0)
        self.client.kill()
        self.client.start()
        self.expect_delivered_when_it_is_back(["a"])

    def test_a_delivered_command_is_not_run_again_because_the_clock_is_set(self):
        mark = self.directory / "runs"
        count = {"Program": f"echo run >> {mark}", "Shell": True}
        link = self.start_with_a_clock(config={"Commands": {"Exec": {"count": count}}})
        link.command("count", "a")
        self.client.wait_status(lambda s: s["delivery"]["delivered"] == 1, "delivered")
        self.set_clock(25 * 3600)
        link.command("count", "a")
        wait_until(lambda: len(self.grpc.results("a")) == 2, "the same outcome again", context=self.client.tail)
        self.client.kill()
        self.client.start()
        self.client.wait_connected()
        self.connection().command("count", "a")
        wait_until(lambda: len(self.grpc.results("a")) == 3, "the same outcome again", context=self.client.tail)
        self.assertEqual(mark.read_text(), "run\n")

    def test_that_the_clock_was_set_is_logged(self):
        self.start_with_a_clock()
        self.set_clock(3 * DAY)
        self.assertIn("by_seconds=259", self.client.wait_log("The wall clock was set", 20))


class RestartKeepsALifeTest(DaemonTest):
    def test_an_idempotent_command_begins_again_after_the_general_limit(self):
        """Its own limit is ten minutes; the general one, which once was stored with its receipt, has passed when it is interrupted."""
        mark = self.directory / "runs"
        slow = {"Program": f"echo run >> {mark}; test $(wc -l < {mark}) -gt 1 || sleep 60", "Shell": True}
        config = {"Commands": {"TimeoutMs": 1000, "Exec": {"slow": {**slow, "Idempotent": True, "TimeoutMs": 600_000}}}}
        link = self.start_all(config=config)
        link.command("slow", "a")
        wait_until(mark.exists, "the first run", context=self.client.tail)
        time.sleep(1.2)
        self.client.kill()
        self.client.start()
        self.assertTrue(self.result("a", 20).is_success)
        self.assertEqual(mark.read_text(), "run\nrun\n")


if __name__ == "__main__":
    unittest.main()
