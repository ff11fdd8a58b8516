# SPDX-License-Identifier: MIT
"""A TCP server that keeps every connection until it is stopped, and can be stopped and started again on the same port."""

import socket
import ssl
import struct
import threading


class Listener:
    def __init__(self, serve, port=0, tls=None, host="127.0.0.1"):
        """`serve(sock)` runs in a thread of its own for each connection; `tls`: an ssl.SSLContext."""
        self.host = host
        self.port = port
        self.accepted = 0
        self._serve = serve
        self._tls = tls
        self._lock = threading.Lock()
        self._open = set()
        self._socket = None
        self.start()

    def start(self):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self.host, self.port))
        listening.listen(256)
        self.port = listening.getsockname()[1]
        self._socket = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def stop(self, reset=False):
        """Closes the listening socket and every connection; `reset`: with RST, as a crashed machine would."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()
            self._socket = None
        self.drop_connections(reset)

    def sockets(self):
        """All of them that are open now, the listening one first."""
        with self._lock:
            return [sock for sock in (self._socket, *self._open) if sock is not None]

    def drop_connections(self, reset=False):
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            end(connection, reset)

    def _accept(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.add(connection)
            self._serve(connection)
        except (OSError, ssl.SSLError, EOFError):
            pass  # the peer went away: each test looks at what it did, not at how it left
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def end(connection, reset=False):
    """Ends a connection whose thread may be in recv(): that thread then closes it, which with `reset` sends RST."""
    try:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.shutdown(connection, socket.SHUT_RD if reset else socket.SHUT_RDWR)
    except OSError:
        pass


def receive_exactly(sock, count):
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
