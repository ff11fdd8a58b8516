# SPDX-License-Identifier: MIT
"""A hub, a gRPC server that fails as told, a daemon and its load: what each fault plays on."""

import random
import time

from oracle import Load, Verdict

from harness.grpc_server import GrpcServer, Reply
from harness.hub_server import HubServer
from harness.programs import Client, TempDir
from harness.waiting import seconds, wait_until

# After the last fault everything that is owed must arrive within this time.
LIVENESS_BOUND = 60


class Stage:
    """A hub, a gRPC server that fails as told, a daemon and its load."""

    def __init__(self, name, arguments, rate=150, config=None, state=None, script="", outstanding=None, redo_log=True):
        self.name, self.arguments = name, arguments
        self.random = random.Random(f"{arguments.seed} {name}")
        self.directory = TempDir()
        self.runs = self.directory / "runs"
        self.failing = self.lost_replies = 0.0
        self.fault = None  # a function message, nth -> Reply or None
        self.hub = HubServer()
        self.grpc = GrpcServer(self._answer)
        self.kills = 0
        script = f'printf "%s\\n" "$JIRO_PARAM_ID" >> {self.runs}\n' + script.replace("DIRECTORY", str(self.directory.path))
        settings = {
            "WebSocket": {"ReconnectionDelayMs": 5, "MaxReconnectionDelayMs": 50, "MaxReconnectionAttempts": -1},
            "Grpc": {"TimeoutMs": 2000, "MaxRetries": 3, "RetryDelayMs": 20, "MaxRetryDelayMs": 100},
            "Commands": {
                "Acknowledge": "received",
                "MaxConcurrent": 8,
                "Exec": {"record": {"Program": script, "Shell": True, "Parameters": {"id": {}}}},
            },
            "Logging": {"Level": "info"},
        }
        if arguments.memory:
            settings["Outbox"] = {"Path": ":memory:"}
        elif state is not None:
            settings["Outbox"] = {"Path": str(state / "outbox.db")}
        for section, values in (config or {}).items():
            settings.setdefault(section, {}).update(values)
        self.client = Client(self.directory, self.hub.url, self.grpc.url, config=settings, start=False, redo_log=redo_log)
        if state is not None:
            self.client.outbox = state / "outbox.db"
        # With an outbox in memory what was lost stays outstanding for ever.
        room = None if outstanding is None or arguments.memory else lambda: len(self.load.owed) - len(self.grpc.accepted) < outstanding
        self.load = Load(self.hub, rate, f"{arguments.seed} {name}", name.replace(" ", "-"), room=room)

    def _answer(self, message, nth):
        if self.fault is not None:
            reply = self.fault(message, nth)
            if reply is not None:
                return reply
        dice = self.random.random()
        if dice < self.failing:
            return Reply.status(self.random.choice(["UNAVAILABLE", "INTERNAL", "UNKNOWN", "ABORTED"]))
        if dice < self.failing + self.lost_replies:
            return Reply.lost()
        return Reply.ok()

    def start(self, **environment):
        self.client.environment = environment
        self.load.mark()
        self.client.start()

    def kill(self):
        self.client.kill()
        self.kills += 1

    def died(self):
        return not self.client.is_running()

    def wait_for_progress(self, count=1, within=20):
        """So many more acknowledgements: the daemon does its work."""
        target = len(self.load.owed) + count
        wait_until(lambda: len(self.load.owed) >= target or self.died(), f"{count} acknowledgements ({self.name})", within,
                   context=lambda: self.client.tail(20))

    def finish(self, bound=LIVENESS_BOUND):
        """Faults stop; everything owed must arrive within the bound. Then the verdict."""
        self.failing = self.lost_replies = 0.0
        self.fault = None
        if self.died():
            self.start()
        self.load.finish_acknowledging()
        started = time.monotonic()
        owed_and_missing = lambda: [i for i in list(self.load.owed) if i not in self.grpc.accepted]  # noqa: E731
        while (owed_and_missing() or self.load.unacknowledged) and time.monotonic() < started + seconds(bound):
            if self.died():
                self.start()
            if self.arguments.memory and time.monotonic() > started + 10:
                break
            time.sleep(0.05)
        drained = time.monotonic() - started
        time.sleep(0.2)
        self.load.stop()
        self.client.kill()
        self.hub.stop()
        self.grpc.stop()
        time.sleep(0.2)  # threads of both servers may still be noting what they had read
        verdict = Verdict(self.name, self.kills, self.load, self.grpc, self.runs, drained)
        if not verdict.good:
            print(self.client.tail(15), flush=True)
        if self.arguments.keep or (not verdict.good and not self.arguments.memory):
            print(f"  state kept in {self.directory.path}")
        else:
            self.directory.remove()
        return verdict


def rounds(arguments, count):
    """0 .. count-1, but no longer than --minutes for one fault."""
    end = time.monotonic() + arguments.minutes * 60 if arguments.minutes else None
    for number in range(count):
        if end is not None and time.monotonic() >= end:
            return
        if number and number % 500 == 0:
            print(f"  ... {number} of {count}", flush=True)
        yield number
