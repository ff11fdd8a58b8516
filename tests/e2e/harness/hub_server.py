# SPDX-License-Identifier: MIT
"""A SignalR hub (negotiate, WebSocket, JSON protocol) of the tests' own, each step of which a test can replace by hostile bytes."""

import base64
import hashlib
import json
import struct
import threading
import time
import urllib.parse

from .listener import Listener, end, receive_exactly
from .waiting import wait_until

RECORD_SEPARATOR = b"\x1e"
_WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    @property
    def is_negotiate(self):
        return self.path.endswith("/negotiate")


def http_response(status, body=b"", content_type="application/json", headers=()):
    if isinstance(body, str):
        body = body.encode()
    head = [f"HTTP/1.1 {status} x", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def command_message(command, sync_id, **members):
    return {"instanceId": "", "command": command, "commandSyncId": sync_id, **members}


class HubServer:
    """Steps that a test may replace; each gets what came and returns the bytes to answer, or None for silence:
    on_accept(sock) -> True to go on; on_negotiate(request); on_upgrade(request, default); on_handshake(record).
    """

    def __init__(self, port=0, tls=None, path="/instanceHub"):
        self.path = path
        self.on_accept = lambda sock: True
        self.on_negotiate = lambda request: http_response(200, self.negotiate_body())
        self.on_upgrade = lambda request, default: default
        self.on_handshake = lambda record: b"{}" + RECORD_SEPARATOR
        self.holds_closed_connections = False  # leaves TCP open when the close frames are done
        self.on_record = None  # on_record(connection, record): also told of every record
        self.requests = []
        self.connections = []
        self._ids = 0
        self._lock = threading.Lock()
        self._scheme = "https" if tls else "http"
        self.listener = Listener(self._serve, port, tls)

    @property
    def url(self):
        return f"{self._scheme}://127.0.0.1:{self.listener.port}{self.path}"

    def negotiate_body(self, **members):
        with self._lock:
            self._ids += 1
            number = self._ids
        body = {
            "connectionId": f"public-{number}",
            "connectionToken": f"token-{number}",
            "negotiateVersion": 1,
            "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}],
        }
        body.update(members)
        return json.dumps(body)

    def stop(self, reset=False):
        self.listener.stop(reset)

    def start(self):
        self.listener.start()

    def negotiations(self):
        return [request for request in self.requests if request.is_negotiate]

    def upgrades(self):
        return [request for request in self.requests if not request.is_negotiate]

    def connection(self, nth=None, within=10.0, context=None):
        """The nth connection that passed the handshake (from 1); without nth the newest one that is open."""

        def ready():
            done = [connection for connection in self.connections if connection.is_ready]
            if nth is not None:
                return done[nth - 1] if len(done) >= nth else None
            return done[-1] if done and not done[-1].is_closed else None

        return wait_until(ready, f"hub connection {nth or ''}", within, context=context)

    def _serve(self, sock):
        if not self.on_accept(sock):
            return
        while True:
            request, rest = _read_request(sock)
            if request is None:
                return
            self.requests.append(request)
            if request.headers.get("upgrade", "").lower() == "websocket":
                answer = self.on_upgrade(request, _upgrade_response(request))
                if answer is None:
                    _hold(sock)
                    return
                sock.sendall(answer)
                if b"HTTP/1.1 101" in answer:  # perhaps behind interim answers
                    connection = HubConnection(self, sock, request, rest)
                    self.connections.append(connection)
                    connection.run()
                    if self.holds_closed_connections:
                        _hold(sock)
                return
            answer = self.on_negotiate(request)
            if answer is None:
                _hold(sock)
                return
            sock.sendall(answer)


def _hold(sock):
    """Says nothing more, and reads so that the client's bytes do not pile up, until the peer leaves."""
    while sock.recv(65536):
        pass


def _read_request(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None, b""
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    request = Request(head)
    size = int(request.headers.get("content-length", "0"))
    while len(rest) < size:
        rest += sock.recv(65536)
    return request, rest[size:]


def _upgrade_response(request):
    key = request.headers.get("sec-websocket-key", "").encode()
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_KEY).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


class HubConnection:
    """One WebSocket: what the client said, and the means to say anything to it."""

    def __init__(self, hub, sock, request, rest=b""):
        self.hub, self.sock, self.request = hub, sock, request
        self.records = []  # parsed, in order, without the handshake
        self.bad = []  # what the client must never send
        self.is_ready = self.is_closed = False
        self.close_code = None
        self.closed_at = None
        self._pending = rest
        self._lock = threading.Lock()
        self._text = b""

    # What the client said

    def completions(self):
        return [record for record in self.records if record.get("type") == 3]

    def completion(self, invocation_id, within=10.0, context=None):
        def find():
            return [record for record in self.completions() if record.get("invocationId") == invocation_id]

        return wait_until(find, f"a Completion for {invocation_id}", within, context=context)[0]

    def said_close(self):
        return any(record.get("type") == 7 for record in self.records)

    def wait_closed(self, within=10.0, context=None):
        wait_until(lambda: self.is_closed, "the client closes the connection", within, context=context)

    # What the hub says

    def send_frame(self, payload, opcode=TEXT, fin=True, announced=None, extra_bits=0, mask=None):
        """`announced`: a length in the header that is not the payload's."""
        size = len(payload) if announced is None else announced
        head = bytes([(0x80 if fin else 0) | extra_bits | opcode])
        flag = 0x80 if mask else 0
        if size < 126:
            head += bytes([flag | size])
        elif size < 65536:
            head += bytes([flag | 126]) + struct.pack(">H", size)
        else:
            head += bytes([flag | 127]) + struct.pack(">Q", size)
        if mask:
            head += mask
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.send_bytes(head + payload)

    def send_bytes(self, data):
        with self._lock:
            self.sock.sendall(data)

    def send(self, *messages):
        """Each message (a dict, or bytes as they are) as one record; all in one frame."""
        data = b"".join(
            (message if isinstance(message, bytes) else json.dumps(message).encode()) + RECORD_SEPARATOR
            for message in messages
        )
        self.send_frame(data)

    def invoke(self, argument, target="ReceiveCommand", invocation_id=None, arguments=None):
        message = {"type": 1, "target": target, "arguments": [argument] if arguments is None else arguments}
        if invocation_id is not None:
            message["invocationId"] = invocation_id
        self.send(message)

    def command(self, text, sync_id, invocation_id=None, target="ReceiveCommand", as_string=False, **members):
        message = command_message(text, sync_id, **members)
        self.invoke(json.dumps(message) if as_string else message, target, invocation_id)

    def close(self, code=None, message=None):
        """A hub Close message if given, then a WebSocket close frame with the code if given, then the socket's end."""
        if message is not None:
            self.send({"type": 7, **message})
        if code is not None:
            try:
                self.send_frame(struct.pack(">H", code), CLOSE)
            except OSError:
                if message is None:
                    raise
                # The Close message alone ended it: the client was faster than this frame.
        else:
            self.abort()

    def abort(self, reset=False):
        end(self.sock, reset)

    # The reading thread

    def run(self):
        try:
            self._read_frames()
        finally:
            self.is_closed, self.closed_at = True, time.monotonic()

    def _take(self, count):
        while len(self._pending) < count:
            piece = self.sock.recv(1 << 16)
            if not piece:
                raise EOFError
            self._pending += piece
        data, self._pending = self._pending[:count], self._pending[count:]
        return data

    def _read_frames(self):
        while True:
            first, second = self._take(2)
            opcode, size = first & 0xF, second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            if not second & 0x80:
                self.bad.append("a frame that is not masked")
            if first & 0x70:
                self.bad.append("reserved bits")
            mask = self._take(4) if second & 0x80 else b"\0\0\0\0"
            payload = self._take(size)
            # XOR of whole integers: much faster than byte by byte for long frames.
            if payload:
                repeated = (mask * (size // 4 + 1))[:size]
                payload = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
            if opcode == CLOSE:
                self.close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                try:
                    self.send_frame(payload[:2], CLOSE)
                except OSError:
                    pass
                return
            if opcode == PING:
                self.send_frame(payload, PONG)
            elif opcode in (TEXT, BINARY, CONTINUED):
                self._text += payload
                while RECORD_SEPARATOR in self._text:
                    record, self._text = self._text.split(RECORD_SEPARATOR, 1)
                    self._on_record(record)

    def _on_record(self, record):
        if not self.is_ready:
            self.handshake = record
            answer = self.hub.on_handshake(record)
            if answer is not None:
                self.send_frame(answer)
                self.is_ready = answer.startswith(b"{}" + RECORD_SEPARATOR)  # a refused client takes no commands
            return
        try:
            message = json.loads(record)
        except ValueError:
            self.bad.append(record)
            return
        self.records.append(message)
        if self.hub.on_record is not None:
            self.hub.on_record(self, message)
