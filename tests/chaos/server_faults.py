# SPDX-License-Identifier: MIT
"""Every way in which the server that takes the results can be bad."""

import ctypes
import signal
import socket
import struct
import time

from stage import LIVENESS_BOUND, Stage, rounds

from harness.grpc_server import Reply

# Linux' numbers; Python has no names for them.
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
HTML = b"<html><body>The proxy is not amused.</body></html>"


class BlackHole:
    """The kernel drops every packet for this listener's sockets, the connection requests of new ones too: no refusal, no reset."""

    def __init__(self, listener):
        self.listener = listener
        self._filter = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0), 8)  # BPF: "return 0", keep no byte
        self._program = struct.pack("HL", 1, ctypes.addressof(self._filter))

    def __enter__(self):
        for connection in self.listener.sockets():
            connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, self._program)

    def __exit__(self, *_):
        for connection in self.listener.sockets():
            try:
                connection.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, struct.pack("i", 0))
            except OSError:
                pass  # closed meanwhile


def server_faults(arguments, times):
    """What is to be tried again: one fault after the other, each for 70 % of the calls; the hub down at the same time every
    second round, the daemon killed now and then."""
    stage = Stage("gRPC faults", arguments, rate=60)
    stage.start()
    stage.wait_for_progress(5)
    faults = [Reply.status(name) for name in ("CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNAVAILABLE",
                                              "RESOURCE_EXHAUSTED", "ALREADY_EXISTS")]
    faults += [Reply.refused(), Reply.goaway(), Reply.cut(), Reply.reset(), Reply.lost(), Reply.silence(), Reply.body(b"\xff\xff")]
    faults += [Reply.http(status, "text/html", HTML) for status in (200, 400, 429, 500, 502, 503, 504)]

    def slow(message, nth):
        time.sleep(stage.random.uniform(0, 3))  # past the deadline, too: then the result was taken and the reply is lost

    for number in rounds(arguments, times):
        for fault in [lambda message, nth, fault=fault: fault if stage.random.random() < 0.7 else None for fault in faults] + [slow]:
            stage.fault = fault
            if number % 2:
                stage.hub.stop(reset=stage.random.random() < 0.5)
            time.sleep(0.4)
            if number % 2:
                stage.hub.start()
            if stage.random.random() < 0.2:
                stage.kill()
                stage.start()
        stage.fault = None
        stage.grpc.stop()
        time.sleep(0.5)
        stage.grpc.start()
    return stage.finish()


def black_hole(arguments, times):
    """Packets vanish on the way to the gRPC server; every second time the hub is gone as well, every third the daemon is killed."""
    stage = Stage("black hole", arguments, rate=60, config={"Grpc": {"TimeoutMs": 1000}})
    stage.start()
    for number in rounds(arguments, times):
        stage.wait_for_progress(5)
        with BlackHole(stage.grpc.listener):
            if number % 2:
                stage.hub.stop()
            time.sleep(stage.random.uniform(0.5, 5))
            if number % 3 == 2:
                stage.kill()
                stage.start()
                time.sleep(0.5)
            if number % 2:
                stage.hub.start()
    return stage.finish()


def refused_client(arguments, times):
    """The server refuses *us*: the results wait on disk, whatever is killed, and a reload sends them at once."""
    stage = Stage("gRPC refuses the client", arguments, rate=60)
    faults = [Reply.status(name) for name in ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED")]
    faults += [Reply.http(status, "text/html", HTML) for status in (401, 403, 404)]
    stage.start()
    for number in rounds(arguments, times):
        stage.fault = lambda message, nth, fault=faults[number % len(faults)]: fault
        stage.wait_for_progress(10)
        time.sleep(0.3)
        if number % 3 == 2:
            stage.kill()
            stage.start()
            stage.wait_for_progress(1)
    stage.fault = None
    stage.client.signal(signal.SIGHUP)
    return stage.finish()


def refused_results(arguments, times):
    """The server refuses single results, once each: they are tried again after a minute, and the others do not wait for them."""
    stage = Stage("gRPC refuses results", arguments, rate=60)
    names = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "DATA_LOSS", "NOT_FOUND")
    bad = set()

    def refuse(message, nth):
        if nth == 1 and stage.random.random() < 0.1:
            bad.add(message.command_sync_id)
            return Reply.status(stage.random.choice(names))
        return None

    stage.fault = refuse
    stage.start()
    for _ in rounds(arguments, times):
        stage.wait_for_progress(40)
        if stage.random.random() < 0.3:
            stage.kill()
            stage.start()
    # The first of their spaced attempts is due after a minute and some jitter.
    verdict = stage.finish(bound=LIVENESS_BOUND + 75)
    if not bad:
        verdict.failures.append("no result was refused")
    return verdict
