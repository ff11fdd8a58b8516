# SPDX-License-Identifier: MIT
"""The server's side of /JiroHubProto.JiroHubProto/SendCommandResult over HTTP/2, small enough to misbehave at every step."""

import hashlib
import struct
import threading
import time
from collections import defaultdict

from .listener import Listener, receive_exactly
from .protobuf import ClientMessage, command_result_response

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITY_FLAG, ACK = 0x1, 0x4, 0x8, 0x20, 0x1

# Statuses by name, in the order of their numbers.
STATUS = {
    name: number
    for number, name in enumerate(
        "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
        "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
        "UNAUTHENTICATED".split()
    )
}


class Reply:
    """What a call is answered. The hub has ACCEPTED the result when `accepts` is true, whatever the client hears of it."""

    def __init__(self, kind, accepts=False, **details):
        self.kind, self.accepts, self.details = kind, accepts, details

    @staticmethod
    def ok(trailers=()):
        return Reply("message", accepts=True, body=command_result_response(True), trailers=trailers)

    @staticmethod
    def refused(message="not today"):
        return Reply("message", body=command_result_response(False, message))

    @staticmethod
    def status(name, message="as the test wants it", headers=()):
        return Reply("status", accepts=name == "ALREADY_EXISTS", code=STATUS[name], message=message, headers=headers)

    @staticmethod
    def body(data):
        """Status OK with these bytes as the response message."""
        return Reply("message", body=data)

    @staticmethod
    def lost():
        """Accepted, and the connection breaks before the client hears of it."""
        return Reply("cut", accepts=True)

    @staticmethod
    def cut():
        return Reply("cut")

    @staticmethod
    def reset(code=7):  # REFUSED_STREAM
        return Reply("reset", code=code)

    @staticmethod
    def goaway():
        return Reply("goaway")

    @staticmethod
    def silence():
        return Reply("silence")

    @staticmethod
    def endless_headers():
        return Reply("endless headers")

    @staticmethod
    def http(status, content_type, body):
        """An HTTP answer that is not gRPC, as a proxy gives it."""
        return Reply("http", status=status, content_type=content_type, body=body)

    @staticmethod
    def frames(data):
        """These bytes on the connection instead of an answer."""
        return Reply("frames", data=data)


class Call:
    def __init__(self, message, metadata, reply):
        self.message, self.metadata, self.reply, self.at = message, metadata, reply, time.monotonic()


class GrpcServer:
    """`behaviour(message, nth)` gives the Reply to the nth call (from 1) for that commandSyncId; it may block."""

    def __init__(self, behaviour=None, port=0, tls=None, keep_messages=True, raw=None):
        self.behaviour = behaviour or (lambda message, nth: Reply.ok())
        self.raw = raw  # raw(sock): instead of HTTP/2
        self.calls = []
        self.attempts = defaultdict(int)
        self.hashes = defaultdict(set)  # commandSyncId -> digests of the bytes that came
        self.sizes = defaultdict(list)  # commandSyncId -> how many they were, each time
        self.accepted = {}  # commandSyncId -> the first message that was accepted
        self.accepted_at = {}
        self.undecodable = []
        self._keep = keep_messages
        self._lock = threading.Lock()
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
        self.listener = Listener(self._serve, port, tls)
        self._scheme = "https" if tls else "http"

    @property
    def url(self):
        return f"{self._scheme}://127.0.0.1:{self.listener.port}"

    def stop(self, reset=False):
        self.listener.stop(reset)

    def start(self):
        self.listener.start()

    def results(self, sync_id=None):
        with self._lock:
            return [call.message for call in self.calls if sync_id is None or call.message.command_sync_id == sync_id]

    def _serve(self, sock):
        if self.raw is not None:
            self.raw(sock)
            return
        _Http2Connection(self, sock).run()

    def take(self, data, metadata):
        try:
            message = ClientMessage(data)
        except (ValueError, IndexError, UnicodeDecodeError) as error:
            self.undecodable.append((data, error))
            return Reply.status("INVALID_ARGUMENT", str(error))
        sync_id = message.command_sync_id
        with self._lock:
            self.attempts[sync_id] += 1
            nth = self.attempts[sync_id]
            self.hashes[sync_id].add(hashlib.sha256(data).hexdigest())
            self.sizes[sync_id].append(len(data))
        reply = self.behaviour(message, nth)
        with self._lock:
            if self._keep:
                self.calls.append(Call(message, metadata, reply))
            if reply.accepts and sync_id not in self.accepted:
                self.accepted[sync_id] = message if self._keep else True
                self.accepted_at[sync_id] = time.monotonic()
        return reply


class _Http2Connection:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.headers = HeaderDecoder()
        self.streams = {}
        self.write_lock = threading.Lock()

    def run(self):
        if receive_exactly(self.sock, len(PREFACE)) != PREFACE:
            return
        # A large window from the start: flow control of this test server is not what is tested.
        self.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 30) + struct.pack(">HI", 5, 1 << 20))
        self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 30) - 65535))
        block, block_stream, block_flags = b"", 0, 0
        while True:
            head = receive_exactly(self.sock, 9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            payload = receive_exactly(self.sock, size)
            if kind == SETTINGS and not flags & ACK:
                self.frame(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                self.frame(PING, ACK, 0, payload)
            elif kind == GOAWAY:
                return
            elif kind == RST_STREAM:
                self.streams.pop(stream, None)
            elif kind in (HEADERS, CONTINUATION):
                if kind == HEADERS:
                    payload = self._unpadded(payload, flags)
                    if flags & PRIORITY_FLAG:
                        payload = payload[5:]
                    block, block_stream, block_flags = b"", stream, flags
                block += payload
                if flags & END_HEADERS:
                    self.streams[block_stream] = [self.headers.decode(block), bytearray()]
                    if block_flags & END_STREAM:
                        self._finish(block_stream)
            elif kind == DATA:
                if size:
                    self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", size))
                if stream in self.streams:
                    self.streams[stream][1] += self._unpadded(payload, flags)
                    if flags & END_STREAM:
                        self._finish(stream)

    @staticmethod
    def _unpadded(payload, flags):
        return payload[1 : len(payload) - payload[0]] if flags & PADDED else payload

    def frame(self, kind, flags, stream, payload):
        with self.write_lock:
            self.sock.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def _finish(self, stream):
        metadata, body = self.streams.pop(stream)
        data = bytes(body[5:])  # compression flag and length come first
        # A behaviour may wait; the connection goes on meanwhile.
        threading.Thread(target=self._answer, args=(stream, metadata, data), daemon=True).start()

    def _answer(self, stream, metadata, data):
        reply = self.server.take(data, metadata)
        try:
            self._send(stream, reply)
        except OSError:
            pass

    def _send(self, stream, reply):
        start = header_block([(":status", "200"), ("content-type", "application/grpc")])
        if reply.kind == "message":
            body = reply.details["body"]
            self.frame(HEADERS, END_HEADERS, stream, start)
            self.frame(DATA, 0, stream, b"\0" + struct.pack(">I", len(body)) + body)
            trailers = [("grpc-status", "0"), *reply.details.get("trailers", ())]
            self.frame(HEADERS, END_HEADERS | END_STREAM, stream, header_block(trailers))
        elif reply.kind == "status":
            trailers = [
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", str(reply.details["code"])),
                ("grpc-message", reply.details["message"]),
                *reply.details["headers"],
            ]
            self.frame(HEADERS, END_HEADERS | END_STREAM, stream, header_block(trailers))
        elif reply.kind == "cut":
            self.sock.shutdown(2)
        elif reply.kind == "reset":
            self.frame(RST_STREAM, 0, stream, struct.pack(">I", reply.details["code"]))
        elif reply.kind == "goaway":
            self.frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0))
            self.sock.shutdown(2)
        elif reply.kind == "endless headers":
            self.frame(HEADERS, 0, stream, start)
            while True:  # until the client has gone
                self.frame(CONTINUATION, 0, stream, header_block([("x-more", "y" * 8000)]))
        elif reply.kind == "http":
            head = [(":status", str(reply.details["status"])), ("content-type", reply.details["content_type"])]
            self.frame(HEADERS, END_HEADERS, stream, header_block(head))
            self.frame(DATA, END_STREAM, stream, reply.details["body"])
        elif reply.kind == "frames":
            with self.write_lock:
                self.sock.sendall(reply.details["data"])
        # silence: nothing at all


def header_block(pairs):
    """HPACK without compression: each a literal that is not indexed."""
    out = b""
    for name, value in pairs:
        name, value = name.encode(), value.encode()
        out += b"\0" + _string(name) + _string(value)
    return out


def _string(data):
    return (bytes([len(data)]) if len(data) < 127 else b"\x7f" + _rest(len(data) - 127)) + data


def _rest(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


_STATIC = """:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204
:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|accept-language
accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding
content-language|content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match
if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate
proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent
vary|via|www-authenticate""".replace("\n", "|").split("|")


class HeaderDecoder:
    """HPACK decoding as far as gRPC's C core needs it: it sends no Huffman code but in binary values, which are left as they are."""

    def __init__(self):
        self.dynamic = []

    def decode(self, block):
        headers, at = {}, 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = self._integer(block, at, 7)
                name, value = self._entry(index)
            elif first & 0xE0 == 0x20:
                _, at = self._integer(block, at, 5)
                continue
            else:
                keeps = bool(first & 0x40)
                index, at = self._integer(block, at, 6 if keeps else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = self._text(block, at)
                value, at = self._text(block, at)
                if keeps:
                    self.dynamic.insert(0, (name, value))
                    self._evict()
            headers[name] = value
        return headers

    def _evict(self):
        while sum(len(n) + len(v) + 32 for n, v in self.dynamic) > 4096:
            self.dynamic.pop()

    def _entry(self, index):
        if index <= len(_STATIC):
            name, _, value = _STATIC[index - 1].partition(" ")
            return name, value
        position = index - len(_STATIC) - 1
        return self.dynamic[position] if position < len(self.dynamic) else ("?", "?")

    @staticmethod
    def _integer(block, at, bits):
        limit = (1 << bits) - 1
        value = block[at] & limit
        at += 1
        if value == limit:
            shift = 0
            while True:
                value += (block[at] & 0x7F) << shift
                shift += 7
                at += 1
                if block[at - 1] < 0x80:
                    break
        return value, at

    def _text(self, block, at):
        size, after = self._integer(block, at, 7)
        return block[after : after + size].decode("latin-1"), after + size
