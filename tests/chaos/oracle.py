# SPDX-License-Identifier: MIT
"""What the daemon owes, counted from what it acknowledged, and what became of it.

A command is *owed* once the hub has its acknowledgement in hand (Commands.Acknowledge: received). From then on, whatever is
killed: exactly one outcome, the same bytes each time it is sent, and never a second run. What was not acknowledged may be
forgotten by the daemon; then the hub sends it again, as a real hub does, and it may still not run twice.
"""

import collections
import pathlib
import random
import sys
import threading
import time

# The servers and the daemon's keeper are those of the end-to-end tests. Every module here imports this one or `stage` first.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from harness.hub_server import command_message  # noqa: E402


class Load:
    """Sends commands to whatever connection there is, sends again what was not acknowledged, and remembers all of it."""

    def __init__(self, hub, rate, seed, prefix, window=64, again=0.05, room=None):
        self.hub, self.rate, self.prefix, self.window, self.again, self.room = hub, rate, prefix, window, again, room
        self.random = random.Random(seed)
        self.sent = {}  # id -> message
        self.unacknowledged = {}
        self.owed = {}  # id -> when its acknowledgement came
        self.refused = {}  # id -> what the daemon said
        self.refusals = collections.Counter()  # what it said -> how often; faults look at it and clear it
        self.first_acknowledgement_after = None  # set by `mark`, for the time to recover
        self._marked = None
        self._recoveries = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._paused = threading.Event()
        hub.on_record = self._on_record
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def finish_acknowledging(self):
        """No new commands; what is not acknowledged yet is still offered."""
        self._paused.set()

    def mark(self):
        """A daemon was started: how long until it acknowledges something?"""
        with self._lock:
            self._marked = time.monotonic()

    def slowest_recovery(self):
        with self._lock:
            return max(self._recoveries, default=0.0)

    def recoveries(self):
        with self._lock:
            return len(self._recoveries)

    def _on_record(self, connection, record):
        if record.get("type") != 3:
            return
        sync_id = record["invocationId"].rpartition("/")[0]
        result = record.get("result")
        with self._lock:
            if not isinstance(result, dict):
                return  # an error: offered again over the next connection
            if result.get("RequestId") != sync_id:
                self.refused[sync_id] = f"answered for {result.get('RequestId')!r}"
            self.unacknowledged.pop(sync_id, None)
            if result["IsSuccess"]:
                self.owed.setdefault(sync_id, time.monotonic())
                if self._marked is not None:
                    self._recoveries.append(time.monotonic() - self._marked)
                    self._marked = None
            else:
                self.refused.setdefault(sync_id, result["Message"])
                self.refusals[result["Message"]] += 1

    def _current(self):
        for connection in reversed(self.hub.connections):
            if connection.is_ready:
                return None if connection.is_closed else connection
        return None

    def _may_offer(self):
        """`room()` says no when what was promised waits for a slow daemon: a queue is not a fault."""
        return not self._paused.is_set() and len(self.unacknowledged) < self.window and (self.room is None or self.room())

    def _run(self):
        number = offers = 0
        known = None
        while not self._stop.is_set():
            connection = self._current()
            if connection is None:
                time.sleep(0.002)
                continue
            with self._lock:
                batch = []
                if connection is not known:
                    batch = list(self.unacknowledged.values())
                    # A hub that lost its memory sends even what was acknowledged.
                    recent = list(self.owed)[-50:]
                    batch += [self.sent[i] for i in recent if self.random.random() < self.again]
                elif self._may_offer():
                    number += 1
                    sync_id = f"{self.prefix}-{number}"
                    message = command_message("record", sync_id, sessionId="chaos", parameters={"id": sync_id})
                    self.sent[sync_id] = self.unacknowledged[sync_id] = message
                    batch = [message]
            try:
                for message in batch:
                    offers += 1
                    connection.invoke(message, "CommandReceived", f"{message['commandSyncId']}/{offers}")
                known = connection
            except OSError:
                pass
            time.sleep(1 / self.rate if not self._paused.is_set() else 0.01)


class Verdict:
    """One row of the table."""

    COLUMNS = ("fault", "kills", "owed", "lost", "run twice", "conflicting", "false success", "interrupted", "slowest recovery")

    def __init__(self, fault, kills, load, grpc, runs_file, drained):
        runs = collections.Counter(runs_file.read_text().split()) if runs_file.exists() else collections.Counter()
        self.fault, self.kills, self.drained = fault, kills, drained
        self.owed = len(load.owed)
        self.lost = sorted(i for i in load.owed if i not in grpc.accepted)
        self.run_twice = sorted(i for i, count in runs.items() if count > 1)
        # A refusal at the door promises nothing: where it could not be stored, the command may be taken when it comes again.
        messages = [call.message for call in grpc.calls]
        refusals = {(m.command_sync_id, m.response) for m in messages if not m.is_success and (m.response or "").startswith("not taken: ")}
        at_the_door = collections.Counter(i for i, _ in refusals)
        self.conflicting = sorted(i for i, hashes in grpc.hashes.items() if len(hashes) - at_the_door[i] > 1)
        outcomes = {i: m for i, m in grpc.accepted.items() if m is not True}
        self.false_success = sorted(i for i, m in outcomes.items() if m.is_success and runs[i] == 0 and i in load.sent)
        self.interrupted = sum(1 for m in outcomes.values() if not m.is_success and "interrupted" in (m.response or ""))
        self.strange = collections.Counter((m.response or "")[:90] for m in outcomes.values() if not m.is_success)
        self.refused = collections.Counter(load.refused.values())
        self.slowest = load.slowest_recovery()
        self.failures = []  # what the fault itself found wrong

    @property
    def good(self):
        # A daemon that owed nothing did nothing: that proves nothing.
        return self.owed > 0 and not (self.lost or self.run_twice or self.conflicting or self.false_success or self.failures)

    def row(self):
        cells = (self.fault, self.kills, self.owed, len(self.lost), len(self.run_twice), len(self.conflicting),
                 len(self.false_success), self.interrupted, f"{self.slowest:.2f} s")
        return "| " + " | ".join(map(str, cells)) + " |"

    def details(self):
        lines = [f"  {self.fault}: {text}" for text in self.failures]
        for name in ("lost", "run_twice", "conflicting", "false_success"):
            ids = getattr(self, name)
            if ids:
                lines.append(f"  {self.fault}: {name}: {', '.join(ids[:10])}{' ...' if len(ids) > 10 else ''}")
        for text, count in self.refused.most_common(5):
            lines.append(f"  {self.fault}: refused {count} times: {text}")
        for text, count in self.strange.most_common(5):
            lines.append(f"  {self.fault}: {count} results that say: {text}")
        return "\n".join(lines)

    @classmethod
    def header(cls):
        return "| " + " | ".join(cls.COLUMNS) + " |\n|" + "---|" * len(cls.COLUMNS)
