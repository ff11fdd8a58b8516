#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills the real daemon under load, again and again, breaks what it stands on, and checks that it kept its promise (oracle.py).

    JIRO_CLIENT=build/release/tests/chaos/jiro-client-chaos tests/chaos/chaos.py            short form, for CI (about 4 minutes on two cores)
    ... chaos.py --long                                                     the long form: hours
    ... chaos.py --only random-kill --kills 50 --seed 7 --keep              one fault; --keep leaves the state folder
    ... chaos.py --memory --only random-kill                                outbox in memory: exit code 0 if the oracle sees the
                                                                            loss, as it must

Ends with a table, fault x kills x owed x lost x run twice x conflicting x slowest recovery, and exit code 1 if a promise broke.
Crash points need the program jiro-client-chaos; with another build they are left out, and it is said. Waiting
limits are scaled by JIRO_TEST_TIME_SCALE.
"""

import argparse
import functools
import multiprocessing
import multiprocessing.connection
import random
import sys
import time
import traceback

from oracle import Verdict
from process_faults import LONG_TEXTS, crash_in_handler, failpoint, failpoint_names, is_of_rebuilding, is_of_redo_log, random_kill, stop_and_start
from server_faults import black_hole, refused_client, refused_results, server_faults
from soak import soak
from storage_faults import damaged_files, disk_full, failing_disk, failing_disk_behind_redo_log, newer_schema, no_inodes, read_only, second_daemon

# Fault, what runs it, how often in the short and in the long form. The slow ones first: they run beside the others.
FAULTS = [
    ("gRPC refuses results", refused_results, 2, 50),
    ("random-kill", random_kill, 200, 5000),
    ("random-kill without a redo log", functools.partial(random_kill, redo_log=False, name="random-kill without a redo log"), 50, 1000),
    ("random-kill with long texts", functools.partial(random_kill, name="random-kill with long texts", **LONG_TEXTS), 40, 1000),
    ("gRPC faults", server_faults, 2, 50),
    ("damaged files", damaged_files, 20, 500),
    ("SIGTERM and restart", stop_and_start, 10, 500),
    ("black hole", black_hole, 3, 50),
    ("failing disk", failing_disk, 4, 64),
    ("failing disk behind a redo log", failing_disk_behind_redo_log, 4, 64),
    ("disk full", disk_full, 3, 50),
    ("no inodes", no_inodes, 2, 20),
    ("read-only", read_only, 1, 10),
    ("gRPC refuses the client", refused_client, 6, 60),
    ("crash in the handler", crash_in_handler, 10, 1000),
    ("newer schema", newer_schema, 1, 20),
    ("second daemon", second_daemon, 2, 20),
]
# At each crash point: with the redo log, and without it, where a point is on both ways.
CRASHES = {True: (100, 1000), False: (30, 200)}
REBUILDS = (25, 200)


def plan(arguments):
    """(fault, function without arguments) of all that is wanted."""

    def count(short, long):
        return arguments.kills or (long if arguments.long else short)

    faults = [(name, lambda run=run, short=short, long=long: run(arguments, count(short, long))) for name, run, short, long in FAULTS]
    points = failpoint_names()
    if not points:
        print("This build has no crash points (preset `chaos` has): left out.")
    ways = [(point, redo_log) for redo_log in (True, False) for point in points if redo_log or not is_of_redo_log(point)]
    faults[1:1] = [(f"crash at {point}" + ("" if redo_log else " without a redo log"),
                    lambda point=point, redo_log=redo_log: failpoint(arguments, point, count(*(REBUILDS if is_of_rebuilding(point) else CRASHES[redo_log])), redo_log))
                   for point, redo_log in ways]
    if arguments.long:
        faults.insert(0, ("soak", lambda: soak(arguments, arguments.soak_minutes)))
    wanted = arguments.only.split(",") if arguments.only else [""]
    return [(name, run) for name, run in faults if any(part in name for part in wanted)]


def play(name, run, pipe):
    """One fault, in a process of its own: each has dozens of threads."""
    started = time.monotonic()
    try:
        verdict = run()
    except Exception:
        print(f"{name}: BROKEN after {time.monotonic() - started:.0f} s\n{traceback.format_exc()}", flush=True)
        raise SystemExit(1) from None
    if verdict is not None:
        lines = [f"{name}: {'good' if verdict.good else 'BROKEN'} after {time.monotonic() - started:.0f} s, "
                 f"everything was delivered {verdict.drained:.1f} s after the faults", f"  {verdict.row()}", verdict.details()]
        print("\n".join(line for line in lines if line), flush=True)
    pipe.send(verdict)


def play_all(faults, jobs):
    """So many at a time; their verdicts in the plan's order, and the names of those that ended without one."""
    waiting, running, verdicts, ended_badly = list(faults), {}, {}, []
    fork = multiprocessing.get_context("fork")
    while waiting or running:
        while waiting and len(running) < jobs:
            name, run = waiting.pop(0)
            ours, theirs = fork.Pipe(duplex=False)
            process = fork.Process(target=play, args=(name, run, theirs))
            process.start()
            theirs.close()
            running[ours] = name, process
        for pipe in multiprocessing.connection.wait(list(running)):
            name, process = running.pop(pipe)
            try:
                verdicts[name] = pipe.recv()
            except EOFError:
                ended_badly.append(name)
            process.join()
    return [verdicts[name] for name, _ in faults if verdicts.get(name) is not None], ended_badly


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    parser.add_argument("--only", help="part of a fault's name; several separated by commas")
    parser.add_argument("--kills", type=int, help="instead of the form's number")
    parser.add_argument("--minutes", type=float, help="no fault for longer than this, whatever the number of kills")
    parser.add_argument("--jobs", type=int, default=1, help="so many faults at a time")
    parser.add_argument("--memory", action="store_true", help="outbox in memory: shows that the oracle sees loss")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--soak-minutes", type=int, default=120)
    arguments = parser.parse_args()

    faults = plan(arguments)
    print(f"seed {arguments.seed}", flush=True)
    verdicts, ended_badly = play_all(faults, arguments.jobs)
    print("\n" + Verdict.header())
    for verdict in verdicts:
        print(verdict.row())
    if arguments.memory:
        seen = any(verdict.lost for verdict in verdicts)
        print("\nThe oracle sees the loss of an outbox in memory." if seen else "\nNo loss seen: the oracle is blind, or the daemon did not start.")
        return 0 if seen else 1
    broken = ended_badly + [verdict.fault for verdict in verdicts if not verdict.good]
    if broken:
        print(f"\nBROKEN: {', '.join(broken)} (seed {arguments.seed})")
    return 1 if broken or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
