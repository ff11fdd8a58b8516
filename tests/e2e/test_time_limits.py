# SPDX-License-Identifier: MIT
"""A hub that accepts and then stalls, at each step: a named time-out, within its limit, and the next attempt serves."""

import socket
import time
import unittest

from harness.case import DaemonTest, wait_until

NEGOTIATE_LIMIT = "negotiate_timeout|negotiat.*(time|limit|answer|longer)"


class StallTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.start_hub()
        self.start_grpc()

    def stall_once(self, hook, hang, pattern, within, config=None):
        """The first call of the hub's hook hangs; the next attempt is served."""
        usual = getattr(self.hub, hook)
        calls = []

        def first_hangs(*arguments):
            calls.append(hook)
            return hang(*arguments) if len(calls) == 1 else usual(*arguments)

        setattr(self.hub, hook, first_hangs)
        self.start_client(config=config or {})
        self.client.wait_log(pattern, within)
        self.assert_serves(self.connection(within=15))

    def test_connection_accepted_and_nothing_more(self):  # slow: the limit of negotiate is 30 s
        self.stall_once("on_accept", _read_for_ever, NEGOTIATE_LIMIT, 40)

    def test_negotiate_never_answers(self):  # slow: 30 s
        self.stall_once("on_negotiate", lambda request: None, NEGOTIATE_LIMIT, 40)

    def test_negotiate_answers_a_byte_at_a_time(self):  # slow: 30 s
        def drip(sock):
            try:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: " + b"a" * 1000:
                    sock.sendall(bytes([byte]))
                    time.sleep(0.5)
            except OSError:
                pass
            return False

        self.stall_once("on_accept", drip, NEGOTIATE_LIMIT, 40)

    def test_upgrade_never_answers(self):  # slow: 15 s
        self.stall_once("on_upgrade", lambda request, default: None, "upgrade_timeout|upgrade.*(time|limit|answer|longer)", 25)

    def test_handshake_never_answers(self):
        self.stall_once("on_handshake", lambda record: None, "answer the handshake within", 10,
                        config={"WebSocket": {"HandshakeTimeoutMs": 1000}})

    def test_handshake_answers_half(self):
        self.stall_once("on_handshake", lambda record: b"{", "answer the handshake within", 10,
                        config={"WebSocket": {"HandshakeTimeoutMs": 1000}})

    def test_tls_never_answers(self):  # slow: 15 s
        self.hub.on_accept = lambda sock: _read_for_ever(sock)
        url = self.hub.url.replace("http:", "https:")
        self.start_client(url)
        self.client.wait_log("(?i)tls.*(longer|time|limit|answer)", 20)
        self.assertTrue(self.client.is_running())

    def test_tls_to_a_port_that_speaks_none(self):
        self.start_client(self.hub.url.replace("http:", "https:"))
        self.client.wait_log("(?i)tls", 15)
        self.assertTrue(self.client.is_running())

    def test_tcp_that_never_answers(self):  # slow: 15 s
        # A backlog that is full: the kernel drops further SYNs, as a firewall does.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            blocking = []
            for _ in range(4):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(full.getsockname())
                blocking.append(one)
            self.start_client(f"http://127.0.0.1:{full.getsockname()[1]}/hub")
            self.client.wait_log("(?i)no address answered|connect.*(tim|longer)", 25)
            self.assertTrue(self.client.is_running())
            for one in blocking:
                one.close()

    def test_a_name_that_does_not_resolve(self):
        self.start_client("http://no-such-host.invalid/hub")
        self.client.wait_log("resolving", 25)
        self.assertTrue(self.client.is_running())

    def test_a_hub_that_stops_reading_does_not_stop_the_daemon(self):
        config = {"WebSocket": {"ServerTimeoutMs": 2000, "KeepAliveIntervalMs": 500}}
        self.start_client(config=config)
        link = self.connection()
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.command("echo a", "a")
        self.result("a")
        self.client.wait_log("(?i)timeout|no record|server_timeout", 15)
        self.assert_serves(self.connection(2), "b")

    def test_status_answers_while_every_step_hangs(self):
        self.hub.on_accept = lambda sock: _read_for_ever(sock)
        self.start_client()
        wait_until(lambda: self.hub.listener.accepted >= 1, "it connects")
        started = time.monotonic()
        self.assertEqual(self.client.status()["state"], "Connecting")
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual(self.client.stop(), 0, self.client.tail())


def _read_for_ever(sock):
    while sock.recv(65536):
        pass
    return False


if __name__ == "__main__":
    unittest.main()
