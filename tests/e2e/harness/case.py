# SPDX-License-Identifier: MIT
"""The base of the tests: starts what a test asks for, ends it whatever happens, and shows the daemon's log on a failure."""

import unittest

from .grpc_server import GrpcServer
from .hub_server import HubServer
from .programs import Client, DevHub, TempDir
from .waiting import seconds, wait_until


class DaemonTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = TempDir()
        self.addCleanup(self.directory.remove)
        self.hub = self.grpc = self.client = None

    def start_hub(self, **options):
        self.hub = HubServer(**options)
        self.addCleanup(self.hub.stop)
        return self.hub

    def start_grpc(self, behaviour=None, **options):
        self.grpc = GrpcServer(behaviour, **options)
        self.addCleanup(self.grpc.stop)
        return self.grpc

    def start_dev_hub(self, *arguments, **options):
        hub = DevHub(self.directory, *arguments, **options)
        self.addCleanup(hub.stop)
        return hub

    def start_client(self, hub_url=None, grpc_url=None, **options):
        hub_url = hub_url or (self.hub.url if self.hub else None)
        grpc_url = grpc_url or (self.grpc.url if self.grpc else None)
        self.client = Client(self.directory, hub_url, grpc_url, **options)
        self.addCleanup(self._end, self.client)
        return self.client

    def start_all(self, behaviour=None, **options):
        """A scripted hub, a gRPC server and a daemon that is connected; returns the hub's side of the connection."""
        self.start_hub()
        self.start_grpc(behaviour)
        self.start_client(**options)
        return self.connection()

    def connection(self, nth=None, within=10.0):
        return self.hub.connection(nth, within, context=self.client.tail)

    def result(self, sync_id, within=10.0):
        """The result that the gRPC server accepted."""

        def accepted():
            return self.grpc.accepted.get(sync_id)

        return wait_until(accepted, f"the result of {sync_id}", within, context=self.client.tail)

    def assert_serves(self, connection=None, sync_id="after-the-storm"):
        """The daemon still lives and the next good command gets its result."""
        self.assertTrue(self.client.is_running(), self.client.tail())
        connection = connection or self.connection()
        connection.command("echo still here", sync_id)
        message = self.result(sync_id)
        self.assertTrue(message.is_success, message)
        self.assertEqual(message.response, "still here")
        self.assert_equations()

    def assert_equations(self, status=None):
        status = status or self.client.status()
        self.assertEqual(
            status["receivedCommands"],
            status["totalCommandsProcessed"]
            + status["activeCommandCount"]
            + status["detachedCommands"]
            + status["queuedCommands"],
            status,
        )
        self.assertEqual(
            status["totalCommandsProcessed"], status["successfulCommands"] + status["failedCommands"], status
        )
        if status["totalCommandsProcessed"] == 0:
            self.assertIsNone(status["successRate"])

    def _end(self, client):
        if client.is_running():
            client.kill()
        crash = [line for line in client.log.lines if "ERROR: " in line and "Sanitizer" in line or "runtime error:" in line]
        self.assertEqual(crash, [], client.tail(200))
        # A test that failed: its log is part of the failure's text already; a signal is a failure of its own.
        if client.process.returncode not in (None, -9) and client.process.returncode < 0:
            self.fail(f"the daemon was ended by signal {-client.process.returncode}\n{client.tail()}")


__all__ = ["DaemonTest", "seconds", "wait_until"]
