# SPDX-License-Identifier: MIT
"""A hub that breaks the protocols at every step. Each time: a named reason in the log, then the daemon goes on and serves."""

import json
import struct
import unittest

from harness.case import DaemonTest, wait_until
from harness.hub_server import CLOSE, PING, command_message, http_response


class HostileRecordTest(DaemonTest):
    """After the handshake: bytes that are no hub protocol. The connection may end; the next one serves."""

    def attack(self, send, pattern):
        link = self.connection()
        mark = len(self.client.log.lines)
        count = len(self.hub.connections)
        try:
            send(link)
        except OSError:
            pass  # it hung up while we were still shouting
        self.client.wait_reason(pattern, since=mark)
        link.wait_closed(context=self.client.tail)
        self.hub.connection(count + 1 if link is self.hub.connections[-1] else None, context=self.client.tail)
        self.assert_serves(sync_id=f"after {mark}")

    def test_records_that_break_the_protocol_end_the_connection_with_a_reason(self):
        deep = b'{"type":1,"target":"ReceiveCommand","arguments":[' + b"[" * 100 + b"]" * 100 + b"]}"
        deeper = b'{"type":1,"target":"ReceiveCommand","arguments":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}"
        cases = [
            ("not JSON", b"hello", "invalid_json|not (a )?JSON"),
            ("an empty record", b"", "invalid_json|JSON|empty"),
            ("an array", b"[1,2]", "invalid_json|protocol_error|object"),
            ("half an object", b'{"type":1,"target":"Rec', "invalid_json|JSON"),
            ("NUL bytes", b"\0\0\0", "invalid_json|JSON"),
            ("two objects", b"{}{}", "invalid_json|JSON|type"),
            ("no type", b'{"target":"ReceiveCommand"}', "protocol_error|type"),
            ("type is text", b'{"type":"1"}', "protocol_error|type"),
            ("no target", b'{"type":1,"arguments":[]}', "protocol_error|target"),
            ("target is a number", b'{"type":1,"target":5,"arguments":[]}', "protocol_error|target"),
            ("arguments is an object", b'{"type":1,"target":"ReceiveCommand","arguments":{}}', "protocol_error|arguments"),
            ("invocationId is a number", b'{"type":1,"target":"ReceiveCommand","invocationId":5,"arguments":[]}',
             "protocol_error|invocationId"),
            ("100 levels", deep, "nesting|deep"),
            ("200,000 levels", deeper, "nesting|deep"),
            ("invalid UTF-8", b'{"type":1,"target":"ReceiveCommand","arguments":["\xff\xfe\xc3("]}', "(?i)utf-?8"),
            ("overlong UTF-8", b'{"type":1,"target":"ReceiveCommand","arguments":["\xc0\xaf"]}', "(?i)utf-?8"),
        ]
        self.start_all()
        for name, record, pattern in cases:
            with self.subTest(name):
                self.attack(lambda link, record=record: link.send(record), pattern)

    def test_commands_of_records_that_break_off_are_refused_by_name(self):
        many = b"1," * 9000
        records = [
            b'{"type":1,"arguments":[],"target":"ReceiveCommand","x":"\\ud800"}',
            b'{"type":1,"target":"ReceiveCommand","arguments":[],"arguments":"\\ud800"}',
            b'{"type":1,"target":"ReceiveCommand","arguments":[],"x":[' + many + b'0],"target":"Other"}',
            b'{"type":1,"target":"ReceiveCommand","arguments":[' + many + b'0],"target":"Other"}',
            b'{"type":1,"arguments":[{"Command":"echo hi"}],"target":"ReceiveCommand","x":[' + many + b"oops",
            b'{"type":1,"target":"Other","arguments":[],"target":"ReceiveCommand","x":[' + many + b"oops",
        ]
        self.start_all()
        link = self.connection()
        for number, record in enumerate(records):
            with self.subTest(record[:80]):
                link.send(record)
                link.command("echo hi", f"after {number}")
                self.assertEqual(self.result(f"after {number}").response, "hi")
        self.client.wait_reason("half of a surrogate pair|too many values")

    def test_frames_that_break_websocket_end_the_connection_with_a_reason(self):
        record = json.dumps({"type": 6}).encode() + b"\x1e"
        cases = [
            ("reserved bits", lambda link: link.send_frame(record, extra_bits=0x40)),
            ("unknown opcode", lambda link: link.send_frame(record, opcode=5)),
            ("masked by the server", lambda link: link.send_frame(record, mask=b"abcd")),
            ("continuation of nothing", lambda link: link.send_frame(record, opcode=0)),
            ("fragmented ping", lambda link: link.send_frame(b"x", opcode=PING, fin=False)),
            ("a ping of 200 bytes", lambda link: link.send_frame(b"x" * 200, opcode=PING)),
            ("close with one byte", lambda link: link.send_frame(b"x", opcode=CLOSE)),
            ("close with code 1005", lambda link: link.send_frame(struct.pack(">H", 1005), opcode=CLOSE)),
            ("close with bad UTF-8", lambda link: link.send_frame(struct.pack(">H", 1000) + b"\xff", opcode=CLOSE)),
            ("garbage", lambda link: link.send_bytes(b"\xde\xad\xbe\xef" * 100)),
            ("HTTP in the middle", lambda link: link.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            ("a length of 2^63", lambda link: link.send_bytes(b"\x81\x7f" + b"\x80" + b"\0" * 7)),
        ]
        self.start_all()
        for name, send in cases:
            with self.subTest(name):
                self.attack(send, "broke the WebSocket protocol|closed the WebSocket|too big|connection was lost")

    def test_half_a_frame_and_the_end(self):
        self.start_all()

        def half(link):
            link.send_frame(b'{"type":1,', announced=5000)
            link.abort()

        self.attack(half, "connection_lost|lost|end of file|reset|partial|truncated")

    def test_a_record_over_the_limit_is_not_collected(self):
        self.start_all(config={"WebSocket": {"MaxMessageBytes": 65536}})
        self.attack(lambda link: link.send_frame(b"x" * 100_000), "message_too_big|too (big|long)|MaxMessageBytes|longer than")

        def endless(link):  # no record separator, frame after frame
            for _ in range(10_000):
                link.send_frame(b"x" * 1000, opcode=1 if _ == 0 else 0, fin=False)

        self.attack(endless, "message_too_big|too (big|long)|MaxMessageBytes|longer than")

        def announced(link):  # 4 GiB are announced; nobody may reserve them
            link.send_frame(b"x" * 1000, announced=1 << 32)

        self.attack(announced, "message_too_big|too (big|long)|MaxMessageBytes|longer than")

    def test_a_record_in_many_small_pieces_is_one_record(self):
        link = self.start_all()
        message = {"type": 1, "target": "ReceiveCommand", "arguments": [command_message("echo whole", "a")]}
        data = json.dumps(message).encode() + b"\x1e"
        for n, byte in enumerate(data):
            link.send_frame(bytes([byte]), opcode=1 if n == 0 else 0, fin=n == len(data) - 1)
        self.assertEqual(self.result("a").response, "whole")
        for byte in json.dumps(message).replace('"a"', '"b"').encode() + b"\x1e":  # one WebSocket message per byte
            link.send_frame(bytes([byte]))
        self.assertEqual(self.result("b").response, "whole")

    def test_a_binary_frame_with_text_is_taken_or_refused_by_name(self):
        link = self.start_all()
        link.send_frame(b'{"type":6}\x1e', opcode=2)
        self.assert_serves()

    def test_multibyte_text_split_between_frames(self):
        link = self.start_all()
        message = {"type": 1, "target": "ReceiveCommand", "arguments": [command_message("echo żółć😀", "a")]}
        data = json.dumps(message, ensure_ascii=False).encode() + b"\x1e"
        for n in range(0, len(data), 3):
            link.send_frame(data[n : n + 3], opcode=1 if n == 0 else 0, fin=n + 3 >= len(data))
        self.assertEqual(self.result("a").response, "żółć😀")

    def test_100000_pings_and_unknown_messages_cost_nothing(self):
        link = self.start_all()
        link.send_frame(b'{"type":6}\x1e' * 50_000)
        link.send_frame(b'{"type":77,"x":[1,2,3]}\x1e' * 20_000)
        for _ in range(2000):
            link.send_frame(b"ping", opcode=PING)
        self.assert_serves(link)


class HostileHandshakeTest(DaemonTest):
    """Before the connection stands: each bad answer is a named failed attempt; when the hub is good again, it connects."""

    def attack(self, change, pattern, restore):
        count = len(self.hub.connections)
        mark = len(self.client.log.lines) if self.client else 0
        change()
        if self.client is None:
            self.start_client()
        else:
            for connection in self.hub.connections:
                connection.abort()
        self.client.wait_reason(pattern, since=mark, within=15)
        restore()
        wait_until(lambda: any(c.is_ready and not c.is_closed for c in self.hub.connections[count:]),
                   "it connects to a hub that is good again", 15, context=self.client.tail)
        self.assert_serves(sync_id=f"after {mark}")

    def setUp(self):
        super().setUp()
        self.start_hub()
        self.start_grpc()

    def attack_step(self, step, cases):
        original = getattr(self.hub, step)
        for name, answer, pattern in cases:
            with self.subTest(name):
                self.attack(lambda answer=answer: setattr(self.hub, step, answer), pattern,
                            lambda: setattr(self.hub, step, original))

    def test_negotiate(self):
        def answer(body, status=200, content_type="application/json"):
            return lambda request: http_response(status, body, content_type)

        def raw(data):
            return lambda request: data

        body = self.hub.negotiate_body
        named = "negotiate"
        self.attack_step("on_negotiate", [
            ("HTML", answer("<html><body>Welcome to nginx</body></html>", content_type="text/html"), named),
            ("empty", answer(""), named),
            ("an array", answer("[]"), named),
            ("no transports", answer('{"connectionId":"a","negotiateVersion":1}'), "negotiate|transport"),
            ("no WebSockets", answer(body(availableTransports=[{"transport": "LongPolling", "transferFormats": ["Text"]}])),
             "WebSockets"),
            ("transports is text", answer(body(availableTransports="all")), named),
            ("connectionToken is a number", answer(body(connectionToken=5)), named),
            ("an error", answer('{"error":"the hub is full"}'), "the hub is full"),
            ("classic SignalR", answer('{"ProtocolVersion":"1.5","ConnectionToken":"x","Url":"/signalr"}'), "(?i)classic|ASP.NET"),
            ("deep JSON", answer("[" * 100_000), named),
            ("404", answer("no", 404), "404"),
            ("500", answer("no", 500), "500"),
            ("502 HTML", answer("<html>Bad Gateway</html>", 502, "text/html"), "502"),
            ("HTTP redirect 302", raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), "302|redirect"),
            ("HTTP redirect 308", raw(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://other.test/hub?k=v\r\nContent-Length: 0\r\n\r\n"),
             r"other\.test/hub.*put that address into WebSocket\.HubUrl"),
            ("relative redirect", raw(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /new/hub?k=canary\r\nContent-Length: 0\r\n\r\n"),
             r"a redirect to /new/hub is not followed"),
            ("511 of a hotel", answer("<html>Room?</html>", 511, "text/html"), "this network wants somebody to log in"),
            ("403 of a firewall", answer("<html>Just a moment...</html>", 403, "text/html"), "a firewall or a check for robots"),
            ("endless interim answers", raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000), "103"),
            ("garbage", raw(b"\x16\x03\x01\x02\0\x01\0garbage\r\n\r\n\r\n"), named),
            ("SSH", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), named),
            ("endless header", raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2_000_000), named),
            ("a body of 100 MB announced", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n{}" + b" " * 3_000_000), named),
            ("bad chunks", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"), named),
            ("negative length", raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"), named),
            ("header injection in the token", answer(body(connectionToken="a\r\nX-Evil: 1\r\n\r\n b&id=c")), ""),
        ])
        for request in self.hub.requests:
            self.assertNotIn("x-evil", request.headers)

    def test_interim_answers_are_not_the_answer(self):
        body = self.hub.negotiate_body().encode()
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.hub.on_negotiate = lambda request: interim + final + body
        self.start_client()
        self.assert_serves()

    def test_interim_answers_ahead_of_the_upgrade_are_not_the_answer(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        self.hub.on_upgrade = lambda request, default: interim + default
        self.start_client()
        self.assert_serves()
        self.assertEqual(len(self.hub.upgrades()), 1)

    def test_a_refusal_counts_whatever_its_body(self):
        long, cut = b"x" * 300_000, b"HTTP/1.1 %s\r\nRetry-After: 20\r\nContent-Length: 9000000\r\n\r\nhalf"
        for step in ("on_negotiate", "on_upgrade"):
            original = getattr(self.hub, step)
            for name, answer, expected in [
                ("401, long", http_response(401, long, "text/html"), "does not want this client.*credentials"),
                ("401, cut", cut % b"401 x", "does not want this client.*credentials"),
                ("503, long", http_response(503, long, headers=[("Retry-After", "20")]), r"503.*next_attempt_in_ms=[23]\d{4}"),
                ("503, cut", cut % b"503 x", r"503.*next_attempt_in_ms=[23]\d{4}"),
            ]:
                with self.subTest(step=step, name=name):
                    setattr(self.hub, step, lambda *request, answer=answer: answer)
                    client = self.start_client(name=f"{step}-{name}".replace(", ", "-"))
                    client.wait_log(expected, 5)
                    client.kill()
            setattr(self.hub, step, original)

    def test_upgrade(self):
        def raw(data):
            return lambda request, default: data

        self.attack_step("on_upgrade", [
            ("HTML 200", raw(http_response(200, "<html></html>", "text/html")), "upgrade"),
            ("404", raw(http_response(404, "no")), "404"),
            ("502", raw(http_response(502, "no")), "502"),
            ("garbage", raw(b"\0\1\2\3\r\n\r\n\r\n\r\n"), "upgrade"),
            ("wrong accept", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"), "upgrade"),
            ("no accept", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), "upgrade"),
            ("endless header", raw(b"HTTP/1.1 101 x\r\nX: " + b"a" * 2_000_000), "upgrade"),
        ])

    def test_handshake(self):
        def raw(data):
            return lambda record: data

        self.attack_step("on_handshake", [
            ("an error", raw(b'{"error":"The protocol is not supported"}\x1e'), "The protocol is not supported"),
            ("not JSON", raw(b"hello\x1e"), "handshake"),
            ("an array", raw(b"[]\x1e"), "handshake"),
            ("a message instead", raw(b'{"type":6}\x1e'), "handshake"),
            ("a close instead", raw(b'{"type":7,"error":"full","allowReconnect":true}\x1e'), "full|handshake"),
            ("deep", raw(b"[" * 100_000 + b"\x1e"), "handshake"),
            ("bad UTF-8", raw(b'{"x":"\xff"}\x1e'), "handshake|utf"),
            ("two megabytes", raw(b"x" * 2_000_000), "handshake|too_big|longer"),
        ])

    def test_a_command_in_the_same_frame_as_the_handshake_is_taken(self):
        message = {"type": 1, "target": "ReceiveCommand", "arguments": [command_message("echo early", "early")]}
        self.hub.on_handshake = lambda record: b"{}\x1e" + json.dumps(message).encode() + b"\x1e"
        self.start_client()
        self.assertEqual(self.result("early").response, "early")


class RedirectTest(DaemonTest):
    """Negotiate may send us elsewhere, with that place's own token; ours stays at home."""

    CONFIG = {"ApiKey": "our-api-key", "WebSocket": {"AccessToken": "our-token"}}

    def second_hub(self, **options):
        from harness.hub_server import HubServer

        hub = HubServer(**options)
        self.addCleanup(hub.stop)
        return hub

    def test_a_redirect_with_a_token_is_followed(self):
        other = self.second_hub(path="/elsewhere")
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, json.dumps({"url": other.url, "accessToken": "their-token"}))
        self.start_client(config=self.CONFIG)
        link = other.connection(context=self.client.tail)
        for request in other.requests:
            self.assertEqual(request.headers.get("authorization"), "Bearer their-token")
            self.assertNotIn("our-api-key", request.target)
        self.assert_serves(link)

    def test_a_redirect_goes_around_no_rule(self):
        """Neither to this machine from elsewhere, however it is written, nor to where the hub would be overheard."""
        victim = self.second_hub(path="/x")
        self.start_hub()
        self.start_grpc()
        elsewhere = self.hub.url.replace("127.0.0.1", "127.1")  # to the text's eye
        hosts = ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1", "[::]")
        for number, host in enumerate(hosts):
            with self.subTest(host):
                target = f"http://{host}:{victim.listener.port}/x"
                self.hub.on_negotiate = lambda request, target=target: http_response(200, json.dumps({"url": target}))
                client = self.start_client(elsewhere, name=f"client{number}")
                client.wait_log("Connecting to the hub failed.*is this machine")
                client.kill()
        self.hub.on_negotiate = lambda request: http_response(200, '{"url":"http://hub.invalid/x"}')
        self.start_client(config={"Commands": {"RunAs": "daemon", "Exec": {"a": {"Program": ["/bin/true"]}}}})
        self.client.wait_log("Connecting to the hub failed.*neither encrypted nor this machine")
        self.assertEqual(victim.requests, [])

    def test_a_foreign_host_does_not_get_our_secrets(self):
        other = self.second_hub(path="/elsewhere")
        self.start_hub()
        self.start_grpc()
        foreign = other.url.replace("127.0.0.1", "localhost")
        self.hub.on_negotiate = lambda request: http_response(200, json.dumps({"url": foreign}))
        self.start_client(config=self.CONFIG | {"WebSocket": {"AccessToken": "our-token", "Headers": {"Cookie": "our-cookie"}}})
        wait_until(lambda: other.requests or self.client.logged("(?i)redirect"), "a redirect is seen", context=self.client.tail)
        wait_until(lambda: len(self.hub.requests) >= 2 or len(other.requests) >= 2, "it went on", context=self.client.tail)
        for request in other.requests:
            told = request.target + json.dumps(request.headers)
            for secret in ("our-token", "our-api-key", "our-cookie"):
                self.assertNotIn(secret, told)

    def test_a_redirect_loop_ends_with_a_name(self):
        self.start_hub()
        self.start_grpc()
        self.hub.on_negotiate = lambda request: http_response(200, json.dumps({"url": self.hub.url}))
        self.start_client()
        self.client.wait_log("(?i)redirect", within=20)
        self.assertTrue(self.client.is_running())

    def test_bad_redirects_are_named_failures(self):
        self.start_hub()
        self.start_grpc()
        original = self.hub.on_negotiate
        for url in (5, "", "ftp://x/", "file:///etc/passwd", "http://", "//host", "http://127.0.0.1:99999/", "http://a\r\nb/",
                    "https://" + "a" * 100_000 + "/", "unix:/run/x"):
            with self.subTest(str(url)[:40]):
                self.hub.on_negotiate = lambda request, url=url: http_response(200, json.dumps({"url": url, "accessToken": "t"}))
                mark = 0
                if self.client is None:
                    self.start_client()
                else:
                    mark = len(self.client.log.lines)
                    self.connection().abort()
                self.client.wait_log("negotiate|redirect|url|URL|resolve", since=mark)
                self.hub.on_negotiate = original
                self.assert_serves(self.connection(within=15), f"after {mark}")


if __name__ == "__main__":
    unittest.main()
