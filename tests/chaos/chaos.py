#!/usr/bin/env python3
"""Kills the real daemon under load, again and again, and checks that it kept its promise (oracle.py).

    JIRO_CLIENT=build/chaos/src/jiro-client tests/chaos/chaos.py            short form, for CI (under 3 minutes)
    ... chaos.py --long                                                     the long form: hours
    ... chaos.py --only random-kill --kills 50 --seed 7 --keep              one fault; --keep leaves the state folder
    ... chaos.py --memory --only random-kill                                outbox in memory: exit code 0 if the oracle sees the
                                                                            loss, as it must

Ends with a table, fault x kills x owed x lost x run twice x conflicting x slowest recovery, and exit code 1 if a promise broke.
Crash points need a build with JIRO_FAILPOINTS (preset `chaos`); with another build they are left out, and it is said.
"""

import argparse
import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from harness.grpc_server import GrpcServer, Reply  # noqa: E402
from harness.hub_server import HubServer  # noqa: E402
from harness.programs import CLIENT, Client, TempDir  # noqa: E402
from harness.waiting import seconds, wait_until  # noqa: E402
from oracle import Load, Verdict  # noqa: E402

# After the last fault everything that is owed must arrive within this time.
LIVENESS_BOUND = 60


class Stage:
    """A hub, a gRPC server that fails as told, a daemon and its load."""

    def __init__(self, name, arguments, rate=150, config=None, state=None, script=""):
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
        self.client = Client(self.directory, self.hub.url, self.grpc.url, config=settings, start=False)
        self.load = Load(self.hub, rate, f"{arguments.seed} {name}", name.replace(" ", "-"))

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

    def finish(self):
        """Faults stop; everything owed must arrive. Then the verdict."""
        self.failing = self.lost_replies = 0.0
        self.fault = None
        if self.died():
            self.start()
        self.load.finish_acknowledging()
        started = time.monotonic()
        owed_and_missing = lambda: [i for i in list(self.load.owed) if i not in self.grpc.accepted]  # noqa: E731
        while (owed_and_missing() or self.load.unacknowledged) and time.monotonic() < started + seconds(LIVENESS_BOUND):
            if self.died():
                self.start()
            if self.arguments.memory and time.monotonic() > started + 10:
                break
            time.sleep(0.05)
        drained = time.monotonic() - started
        time.sleep(0.2)
        self.load.stop()
        verdict = Verdict(self.name, self.kills, self.load, self.grpc, self.runs, drained)
        if not verdict.good:
            print(self.client.tail(15), flush=True)
        self.client.kill()
        self.hub.stop()
        self.grpc.stop()
        if self.arguments.keep or (not verdict.good and not self.arguments.memory):
            print(f"  state kept in {self.directory.path}")
        else:
            self.directory.remove()
        return verdict


def random_kill(arguments, kills):
    stage = Stage("random-kill", arguments)
    stage.failing = stage.lost_replies = 0.1
    for _ in range(kills):
        stage.start()
        # From before the first line of main to well into the load.
        stage.client.process.poll()
        time.sleep(stage.random.choice([stage.random.uniform(0, 0.05), stage.random.uniform(0.05, 0.5)]))
        if stage.random.random() < 0.2:
            stage.wait_for_progress(stage.random.randint(1, 20))
        stage.kill()
    return stage.finish()


def failpoint_names():
    """The names compiled into the binary; none when it is an ordinary build."""
    binary = shutil.which(CLIENT) or CLIENT
    source = pathlib.Path(__file__).resolve().parents[2] / "src"
    names = set()
    for path in itertools.chain(source.rglob("*.cpp"), source.rglob("*.hpp")):
        names.update(re.findall(r'"(c\d+_[a-z_]+)"', path.read_text(errors="replace")))
    data = pathlib.Path(binary).read_bytes()
    return sorted(name for name in names if b"JIRO_FAILPOINT" in data and name.encode() in data)


# One slot and a little more work than it can do: commands wait, and `received` and `running` are two commits. Not much more, or
# the queue alone takes longer than the bound for liveness.
ONE_SLOT = {"config": {"Commands": {"MaxConcurrent": 1}}, "rate": 30, "script": "sleep 0.05"}
# Much text, and little room for it: each start has old rows to sweep.
MUCH_TEXT = {"config": {"Outbox": {"MaxBytes": 1048576}}, "script": "printf '%04000d' 0"}

# What a point needs to be on the way: the stage's settings; after how many passes at most it crashes (the points of a
# start are passed once); how many acknowledgements a whole life before each crash brings, so that there is something to do.
POINTS = {
    "c1_received_committed": (ONE_SLOT, 5, 0),
    "c2_before_running_commit": (ONE_SLOT, 5, 0),
    "c2_recovered": ({}, 1, 10),
    "c9_before_sweep_commit": (MUCH_TEXT, 1, 20),
    "c10_before_migration_commit": ({}, 1, 0),
}


def failpoint(arguments, name, kills):
    settings, most_passes, life_before = POINTS.get(name, ({}, 15, 0))
    stage = Stage(f"crash at {name}", arguments, **settings)
    stage.failing = stage.lost_replies = 0.1
    missed = 0
    for _ in range(kills):
        if life_before:
            stage.start()
            stage.wait_for_progress(life_before)
            stage.client.kill()
        stage.start(JIRO_FAILPOINT=f"{name}:{stage.random.randint(1, most_passes)}")
        try:
            wait_until(stage.died, f"the crash at {name}", 5)
            stage.kills += 1
            stage.client.kill()
        except AssertionError:
            missed += 1
            stage.client.kill()
            if missed >= 5 and stage.kills == 0:
                break  # not on this load's way
    crashes = stage.kills
    stage.start()
    stage.wait_for_progress(5)
    verdict = stage.finish()
    if missed:
        print(f"  crash at {name}: not passed in {missed} of {kills} runs", flush=True)
    if not crashes:
        verdict.lost.append("the crash point was never passed")
    return verdict


def crash_in_handler(arguments, kills):
    """C4: the command itself kills the daemon, in the middle of its run."""
    stage = Stage("crash in the handler", arguments,
                  script="if mv DIRECTORY/victim DIRECTORY/victim.$$ 2>/dev/null; then kill -9 $(cat DIRECTORY/victim.$$); fi")
    stage.failing = stage.lost_replies = 0.1
    for _ in range(kills):
        stage.start()
        stage.wait_for_progress(stage.random.randint(1, 10))
        (stage.directory / "victim.new").write_text(str(stage.client.pid))
        (stage.directory / "victim.new").rename(stage.directory / "victim")
        wait_until(stage.died, "the end in the handler", 10, context=lambda: stage.client.tail(20))
        stage.kill()
    return stage.finish()


def server_faults(arguments, rounds):
    """Every way in which the gRPC server can be bad, one after the other, the hub down at the same time every second round."""
    stage = Stage("gRPC faults", arguments, rate=60)
    stage.start()
    stage.wait_for_progress(5)
    faults = [Reply.status(name) for name in ("CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNAVAILABLE",
                                              "RESOURCE_EXHAUSTED")]
    faults += [Reply.refused(), Reply.goaway(), Reply.cut(), Reply.reset(), Reply.lost(), Reply.silence(), Reply.body(b"\xff\xff"),
               Reply.http(200, "text/html", b"<html>"), Reply.http(503, "text/html", b"<html>")]
    for number in range(rounds):
        for fault in faults:
            stage.fault = lambda message, nth, fault=fault: fault if stage.random.random() < 0.7 else None
            if number % 2:
                stage.hub.stop(reset=stage.random.random() < 0.5)
            time.sleep(0.4)
            if number % 2:
                stage.hub.start()
            if stage.random.random() < 0.2:
                stage.kill()
                stage.start()
        stage.grpc.stop()
        time.sleep(0.5)
        stage.grpc.start()
    return stage.finish()


def stop_and_start(arguments, rounds):
    """Orderly stops and restarts under load: an upgrade of the package, a hundred times."""
    stage = Stage("SIGTERM and restart", arguments)
    stage.failing = stage.lost_replies = 0.05
    for _ in range(rounds):
        stage.start()
        stage.wait_for_progress(stage.random.randint(1, 15))
        code = stage.client.stop(30)
        if code != 0:
            raise AssertionError(f"SIGTERM: exit code {code}\n{stage.client.tail()}")
    return stage.finish()


def corruption(arguments, seeds):
    """Random bytes flipped and files truncated between two runs: it always starts and serves. What was in the damaged places may
    be lost, so only the runs are judged: nothing twice but what the damage forgot."""
    failed = []
    stage = Stage("damaged files", arguments)
    for seed in range(seeds):
        dice = random.Random(f"{arguments.seed} damage {seed}")
        stage.start()
        try:
            stage.wait_for_progress(3, 30)
        except AssertionError as error:
            failed.append((seed, str(error)[:2000]))
        stage.kill()
        files = [path for path in stage.client.outbox.parent.iterdir() if path.name.startswith("outbox.db") and path.is_file()
                 and "corrupt" not in path.name and path.stat().st_size]
        if not files:
            continue
        path = dice.choice(files)
        data = bytearray(path.read_bytes())
        if dice.random() < 0.25:
            del data[dice.randrange(len(data)):]
        else:
            for _ in range(dice.choice([1, 1, 4, 64])):
                # Half of the flips in the header and first pages, where it hurts.
                data[dice.randrange(min(len(data), 200 if dice.random() < 0.5 else len(data)))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
    verdict = stage.finish()
    for seed, text in failed:
        print(f"  damaged files: seed {seed} did not come up again: {text}", flush=True)
    # A damaged journal cannot remember everything; what it may not do is not start.
    verdict.lost, verdict.run_twice, verdict.conflicting, verdict.false_success = [f"seed {s}" for s, _ in failed], [], [], []
    return verdict


def disk_full(arguments, rounds):
    """A file system of 24 MiB that is filled while the daemon works, and emptied again."""
    mount = TempDir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(mount.path)], capture_output=True,
                      check=False).returncode != 0:
        print("  disk full: left out, it needs the right to mount", flush=True)
        mount.remove()
        return None
    try:
        stage = Stage("disk full", arguments, state=mount.path)
        stage.start()
        for number in range(rounds):
            stage.wait_for_progress(10, 60)
            filler = mount / "filler"
            with open(filler, "wb") as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                        file.flush()
                except OSError:
                    pass
                time.sleep(stage.random.uniform(0.2, 1.5))
                if number % 3 == 2:
                    stage.kill()
                    stage.start()
                    time.sleep(0.5)
            filler.unlink()
        return stage.finish()
    finally:
        subprocess.run(["umount", "-l", str(mount.path)], check=False)
        mount.remove()


def soak(arguments, minutes):
    """20 commands/s with flapping links. Prints resident memory, descriptors and the write-ahead log every minute."""
    stage = Stage("soak", arguments, rate=20)
    stage.failing = stage.lost_replies = 0.02
    stage.start()
    print("| minute | owed | RSS KiB | descriptors | WAL bytes | database bytes |\n|---|---|---|---|---|---|")
    end = time.monotonic() + minutes * 60
    for minute in itertools.count(1):
        if time.monotonic() >= end:
            break
        next_minute = time.monotonic() + 60
        while time.monotonic() < min(next_minute, end):
            time.sleep(stage.random.uniform(2, 10))
            victim = stage.random.choice([stage.hub, stage.grpc])
            victim.stop(reset=stage.random.random() < 0.5)
            time.sleep(stage.random.uniform(0, 3))
            victim.start()
        if stage.died():
            raise AssertionError(f"the daemon ended with {stage.client.process.returncode}\n{stage.client.tail()}")
        rss = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{stage.client.pid}/status").read_text()).group(1)
        descriptors = len(os.listdir(f"/proc/{stage.client.pid}/fd"))
        size = lambda name: next((p.stat().st_size for p in [stage.client.outbox.with_name(name)] if p.exists()), 0)  # noqa: E731
        print(f"| {minute} | {len(stage.load.owed)} | {rss} | {descriptors} | {size('outbox.db-wal')} | {size('outbox.db')} |", flush=True)
    return stage.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    parser.add_argument("--only", help="part of a fault's name; several separated by commas")
    parser.add_argument("--kills", type=int, help="instead of the form's number")
    parser.add_argument("--memory", action="store_true", help="outbox in memory: shows that the oracle sees loss")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--soak-minutes", type=int, default=120)
    arguments = parser.parse_args()

    def count(short, long):
        return arguments.kills or (long if arguments.long else short)

    points = failpoint_names()
    plan = [("random-kill", lambda: random_kill(arguments, count(200, 5000)))]
    plan += [(f"crash at {name}", lambda name=name: failpoint(arguments, name, count(max(5, 100 // max(1, len(points))), 1000)))
             for name in points]
    plan += [
        ("crash in the handler", lambda: crash_in_handler(arguments, count(10, 1000))),
        ("gRPC faults", lambda: server_faults(arguments, 1 if not arguments.long else 50)),
        ("SIGTERM and restart", lambda: stop_and_start(arguments, count(10, 500))),
        ("damaged files", lambda: corruption(arguments, count(20, 500))),
        ("disk full", lambda: disk_full(arguments, 2 if not arguments.long else 50)),
    ]
    if arguments.long:
        plan.append(("soak", lambda: soak(arguments, arguments.soak_minutes)))
    if arguments.only:
        plan = [(name, run) for name, run in plan if any(part in name for part in arguments.only.split(","))]
    if not points:
        print("This build has no crash points (preset `chaos` has): left out.")
    print(f"seed {arguments.seed}", flush=True)

    verdicts = []
    for name, run in plan:
        started = time.monotonic()
        verdict = run()
        if verdict is not None:
            verdicts.append(verdict)
            print(f"{name}: {'good' if verdict.good else 'BROKEN'} after {time.monotonic() - started:.0f} s, "
                  f"everything was delivered {verdict.drained:.1f} s after the faults\n  {verdict.row()}", flush=True)
            if verdict.details():
                print(verdict.details(), flush=True)
    print("\n" + Verdict.header())
    for verdict in verdicts:
        print(verdict.row())
    if arguments.memory:
        seen = any(verdict.lost for verdict in verdicts)
        print("\nThe oracle sees the loss of an outbox in memory." if seen else "\nNo loss seen: the oracle is blind, or the daemon did not start.")
        return 0 if seen else 1
    broken = [verdict.fault for verdict in verdicts if not verdict.good]
    if broken:
        print(f"\nBROKEN: {', '.join(broken)} (seed {arguments.seed})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
