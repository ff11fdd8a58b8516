# SPDX-License-Identifier: MIT
"""One rule for both ways: what leads to the hub through a proxy leads the results through it, too, and what does not does not."""

import base64
import signal
import socket
import threading
import unittest
import urllib.parse

from harness.case import DaemonTest
from harness.listener import Listener


class Tunnel:
    """A proxy that knows every name as this machine; `refuses`: answers 403 to all."""

    def __init__(self, refuses=False, ports=None, interim=0):
        self.refuses = refuses
        self.interim = interim  # answers of the 1xx class before the one that counts
        self.ports = ports or {}  # where another port than the named one leads
        self.asked = []  # (authority, Proxy-Authorization)
        self.listener = Listener(self._serve)
        self.address = f"127.0.0.1:{self.listener.port}"

    def stop(self):
        self.listener.stop()

    def names(self):
        return {authority.partition(":")[0] for authority, _ in self.asked}

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        lines = head.decode().split("\r\n")
        authority = lines[0].split(" ")[1]
        headers = dict(line.split(": ", 1) if ": " in line else line.split(":", 1) for line in lines[1:] if ":" in line)
        self.asked.append((authority, headers.get("Proxy-Authorization")))
        if self.refuses:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        port = int(authority.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", self.ports.get(port, port))) as server:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * self.interim + b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server)
            back.join(5)

    @staticmethod
    def _copy(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ProxyTest(DaemonTest):
    def tunnel(self, **options):
        tunnel = Tunnel(**options)
        self.addCleanup(tunnel.stop)
        return tunnel

    def start_behind(self, names, environment=None, name="client", **config):
        """Hub and result server under names that only a proxy can resolve, if `names`."""
        self.start_hub()
        self.start_grpc()
        urls = [self.hub.url, self.grpc.url]
        if names:
            urls = [url.replace("127.0.0.1", name) for url, name in zip(urls, ("hub.invalid", "results.invalid"))]
        self.start_client(*urls, environment=environment, name=name, config=config | {"AllowInsecure": True})

    def test_the_environments_proxy_leads_to_both(self):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            with self.subTest(name):
                tunnel = self.tunnel()
                self.start_behind(names=True, environment={name: f"http://{tunnel.address}"})
                self.assert_serves()
                self.assertEqual(tunnel.names(), {"hub.invalid", "results.invalid"})
                self.client.kill()

    def test_nothing_for_this_machine_goes_to_the_environments_proxy(self):
        tunnel = self.tunnel(refuses=True)
        proxy = f"http://{tunnel.address}"
        self.start_behind(names=False, environment=dict.fromkeys(("http_proxy", "grpc_proxy", "https_proxy", "HTTP_PROXY"), proxy))
        self.assert_serves()
        self.assertEqual(tunnel.asked, [])

    def test_the_keys_come_first_and_carry_their_user(self):
        tunnel, wrong = self.tunnel(), self.tunnel(refuses=True)
        self.start_behind(names=True, environment={"http_proxy": f"http://{wrong.address}", "no_proxy": "*"},
                          WebSocket={"Proxy": f"http://robot:canary-1@{tunnel.address}"},
                          Grpc={"Proxy": f"http://robot:canary-2@{tunnel.address}"})
        self.assert_serves()
        self.assertEqual(wrong.asked, [])
        users = {authority.partition(":")[0]: user for authority, user in tunnel.asked}
        self.assertEqual(users, {"hub.invalid": "Basic cm9ib3Q6Y2FuYXJ5LTE=", "results.invalid": "Basic cm9ib3Q6Y2FuYXJ5LTI="})
        self.assertNotIn("canary", self.client.tail(10_000))

    def test_a_password_of_any_characters(self):
        tunnel = self.tunnel()
        proxy = f"http://robot:a%2Fb%3Fc%23d%25ab%20e%3Af@{tunnel.address}"
        self.start_behind(names=True, WebSocket={"Proxy": proxy}, Grpc={"Proxy": proxy})
        self.assert_serves()
        credentials = "Basic " + base64.b64encode(b"robot:a/b?c#d%ab e:f").decode()
        self.assertEqual({user for _, user in tunnel.asked}, {credentials})
        self.assertEqual(tunnel.names(), {"hub.invalid", "results.invalid"})

    def test_interim_answers_of_the_proxy_are_not_its_answer(self):
        tunnel = self.tunnel(interim=2)
        self.start_hub()
        self.start_grpc()
        self.start_client(config={"WebSocket": {"Proxy": f"http://{tunnel.address}"}})
        self.assert_serves()

    def test_both_ways_send_the_same_password_whatever_is_in_it(self):
        password = "canary/7#?%41%2F @:[ü\\"
        proxy = "http://robot:" + urllib.parse.quote(password, safe="") + "@"
        expected = "Basic " + base64.b64encode(f"robot:{password}".encode()).decode()
        for entrance in ("environment", "keys"):
            with self.subTest(entrance):
                tunnel = self.tunnel()
                url = proxy + tunnel.address
                keys = {"WebSocket": {"Proxy": url}, "Grpc": {"Proxy": url}} if entrance == "keys" else {}
                self.start_behind(names=True, environment=None if keys else {"http_proxy": url}, name=entrance, **keys)
                self.assert_serves()
                self.assertEqual(tunnel.names(), {"hub.invalid", "results.invalid"})
                self.assertEqual({user for _, user in tunnel.asked}, {expected})
                self.assertNotIn("canary", self.client.tail(10_000) + str(self.client.status()))
                self.client.kill()

    def test_a_proxy_that_cannot_be_used_is_named(self):
        tunnel = self.tunnel()
        self.start_behind(names=True, environment={"http_proxy": "https://robot:canary@127.0.0.1:1"},
                          WebSocket={"Proxy": f"http://{tunnel.address}"})
        self.connection().command("echo kept", "kept")
        self.client.wait_log("the proxy https://127.0.0.1:1/ cannot be used: only http:// proxies are")
        self.client.write_config(Grpc={"Proxy": f"http://{tunnel.address}"})
        self.client.signal(signal.SIGHUP)
        self.assertTrue(self.result("kept", within=20).is_success)
        self.assertNotIn("canary", self.client.tail(10_000))

    def test_the_authority_leaves_the_default_port_away(self):
        self.start_hub()
        self.start_grpc()
        tunnel = self.tunnel(ports={80: int(self.grpc.url.rpartition(":")[2])})
        self.start_client(grpc_url="http://unix", config={"Grpc": {"Proxy": f"http://{tunnel.address}"}})
        self.assert_serves()
        self.assertEqual(tunnel.asked[0][0], "unix:80")
        self.assertEqual(self.grpc.calls[0].metadata[":authority"], "unix")


if __name__ == "__main__":
    unittest.main()
