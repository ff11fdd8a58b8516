# SPDX-License-Identifier: MIT
"""What is outside and hangs: files that are none, name servers that say nothing. The daemon serves, and stops, meanwhile."""

import json
import os
import time
import unittest

from harness.case import DaemonTest, seconds, wait_until
from harness.disks import Disks
from harness.outside import Promptness, SilentNameServers

class FileTest(DaemonTest):
    def pipe(self, name):
        path = self.directory / name
        os.mkfifo(path)
        return str(path)

    def test_a_pipe_where_the_result_servers_authority_should_be(self):
        self.start_hub()
        self.start_grpc()
        url = self.grpc.url.replace("http:", "https:")
        self.start_client(grpc_url=url, config={"Grpc": {"Tls": {"CaFile": self.pipe("ca.pem")}}})
        link = self.connection()
        watch = Promptness(self.client)
        link.command("echo a", "a")
        self.client.wait_status(lambda s: "named pipe" in str(s["delivery"]["lastError"]), "it is named")
        self.assertRegex(self.client.status()["delivery"]["lastError"], "Grpc.Tls.CaFile .*ca.pem cannot be used: is a named pipe")
        watch.check(self)
        self.assertEqual(self.client.stop(), 0, self.client.tail())

    def test_a_pipe_where_the_hubs_authority_or_a_token_should_be(self):
        self.start_hub()
        self.start_grpc()
        for number, (url, changes, reason) in enumerate([
            (self.hub.url.replace("http:", "https:"), {"WebSocket": {"Tls": {"CaFile": self.pipe("ca.pem")}}}, "CaFile .*is a named pipe"),
            (self.hub.url, {"WebSocket": {"AccessTokenFile": self.pipe("token")}}, "token: is a named pipe"),
        ]):
            with self.subTest(reason):
                config = {**changes, "Outbox": {"Path": str(self.directory / f"{number}.db")}}
                self.start_client(url, name=f"client{number}", config=config)
                self.client.wait_reason(reason)
                Promptness(self.client).check(self)
                self.assertEqual(self.client.stop(), 0, self.client.tail())


class TokenFileTest(DaemonTest):
    def start_with_token(self, content):
        self.token = self.directory / "token"
        self.write_token(content)
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"WebSocket": {"AccessTokenFile": str(self.token)}})
        return self.connection()

    def write_token(self, content):
        new = self.token.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(0o600)
        new.rename(self.token)

    def tokens(self):
        """That both channels sent, each once."""
        hub = {request.headers.get("authorization") for request in self.hub.requests}
        grpc = {call.metadata.get("authorization") for call in self.grpc.calls}
        return hub, grpc

    def test_what_an_editor_leaves_around_a_token_is_sent_to_nobody(self):
        link = self.start_with_token(b"\xef\xbb\xbf abc-token \r\n\n")
        self.assert_serves(link)
        self.assertEqual(self.tokens(), ({"Bearer abc-token"}, {"Bearer abc-token"}))


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


@unittest.skipUnless(Disks.are_possible(), "needs root, mount namespaces and FUSE")
class DiskTest(DaemonTest):
    def start_with_disks(self, **commands):
        self.disks = Disks(self.directory.path)
        self.addCleanup(self.disks.close)
        self.link = self.start_all(config={"Commands": {"Exec": commands}}, wrapper=self.disks.wrapper)

    def sysinfo(self, sync_id):
        self.link.command("sysinfo", sync_id)
        return json.loads(self.result(sync_id).response)

    def test_a_disk_that_hangs_holds_up_no_command(self):
        self.start_with_disks(much={"Program": ["/usr/bin/head", "-c", "100000", "/dev/zero"], "Result": "base64"})
        watch = Promptness(self.client)
        for number in range(3):
            self.link.command("sysinfo", f"s{number}")
        for number in range(3):
            disks = {disk["device"]: disk for disk in json.loads(self.result(f"s{number}").response)["disks"]}
            self.assertEqual(disks["/dev/empty"]["totalBytes"], 1 << 20)
            self.assertEqual(disks["/dev/hanging"], {"mount": str(self.disks.hanging), "device": "/dev/hanging", "type": "fuse",
                                                     "totalBytes": None, "availableBytes": None, "problem": "does not answer"})
            self.link.command("much", f"m{number}")
            self.assertEqual(len(self.result(f"m{number}").response), 133336)
        watch.check(self)
        self.assertEqual(self.client.stop(), 0, self.client.tail())

    def test_disks_are_named_as_they_are_mounted(self):
        self.start_with_disks()
        self.disks.close()
        answers = lambda: [disk for disk in self.sysinfo(f"s{time.monotonic()}")["disks"]]
        disks = wait_until(lambda: [disks for disks in [answers()] if not any("problem" in disk for disk in disks)],
                           "the disk that hung has gone", context=self.client.tail)[0]
        (empty,) = [disk for disk in disks if disk["device"] == "/dev/empty"]
        self.assertEqual(empty["mount"], str(self.directory / "an empty\ttab\\disk"))
        self.assertEqual(empty["totalBytes"], 1 << 20)


if __name__ == "__main__":
    unittest.main()
