# SPDX-License-Identifier: MIT
"""The daemon is killed, at random moments and at each crash point, and stopped in good order."""

import itertools
import pathlib
import re
import shutil
import sqlite3
import time

from stage import Stage, rounds

from harness.programs import CLIENT
from harness.waiting import wait_until


# On a busy machine the load is more than the daemon can do; what waits for minutes ends as timed out, and proves little.
OUTSTANDING = 300


# The redo log takes memory for them while they lie in it, and gives it back.
LONG_TEXTS = {"script": "printf '%0300000d' 0", "rate": 60, "outstanding": 60}


def random_kill(arguments, kills, redo_log=True, name="random-kill", **settings):
    stage = Stage(name, arguments, **{"outstanding": OUTSTANDING, "redo_log": redo_log, **settings})
    stage.failing = stage.lost_replies = 0.1
    for _ in rounds(arguments, kills):
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


# One slot and a little more work than it can do: commands wait, and `received` and `running` are two commits. The queue is kept
# short, or it alone takes longer than the bound for liveness.
ONE_SLOT = {"config": {"Commands": {"MaxConcurrent": 1}}, "rate": 40, "script": "sleep 0.03", "outstanding": 40}
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
    "c12_before_redo_commit": ({}, 4, 0),
    "c13_redone": ({}, 4, 0),
    "c13_memory_given_back": (LONG_TEXTS, 8, 0),
    "c14_before_rebuilt_commit": ({}, 1, 10),
    "c15_before_damaged_moved_aside": ({}, 1, 10),
    "c16_before_rebuilt_in_place": ({}, 1, 10),
}


def is_of_redo_log(name):
    return re.match(r"c1[1-3]_", name) is not None


def is_of_rebuilding(name):
    return re.match(r"c1[4-6]_", name) is not None


def damage_header(outbox):
    """Every row is whole, but the file is not taken for an outbox: it is made anew from its rows."""
    for old in outbox.parent.glob("*.corrupt-*"):
        old.unlink()
    database = sqlite3.connect(outbox)
    database.execute("PRAGMA application_id = 1")
    database.close()


def failpoint(arguments, name, kills, redo_log=True):
    settings, most_passes, life_before = POINTS.get(name, ({}, 15, 0))
    title = f"crash at {name}" if redo_log else f"crash at {name} without a redo log"
    stage = Stage(title, arguments, **{"outstanding": OUTSTANDING, "redo_log": redo_log, **settings})
    stage.failing = stage.lost_replies = 0.1
    missed = 0
    for _ in rounds(arguments, kills):
        if life_before:
            stage.start()
            stage.wait_for_progress(life_before)
            stage.client.kill()
        if is_of_rebuilding(name):
            damage_header(stage.client.outbox)
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
    stage = Stage("crash in the handler", arguments, outstanding=OUTSTANDING,
                  script="if mv DIRECTORY/victim DIRECTORY/victim.$$ 2>/dev/null; then kill -9 $(cat DIRECTORY/victim.$$); fi")
    stage.failing = stage.lost_replies = 0.1
    for _ in rounds(arguments, kills):
        stage.start()
        stage.wait_for_progress(stage.random.randint(1, 10))
        (stage.directory / "victim.new").write_text(str(stage.client.pid))
        (stage.directory / "victim.new").rename(stage.directory / "victim")
        wait_until(stage.died, "the end in the handler", 10, context=lambda: stage.client.tail(20))
        stage.kill()
    return stage.finish()


def stop_and_start(arguments, stops):
    """Orderly stops and restarts under load: an upgrade of the package, a hundred times."""
    stage = Stage("SIGTERM and restart", arguments, outstanding=OUTSTANDING)
    stage.failing = stage.lost_replies = 0.05
    for _ in rounds(arguments, stops):
        stage.start()
        stage.wait_for_progress(stage.random.randint(1, 15))
        code = stage.client.stop(30)
        if code != 0:
            raise AssertionError(f"SIGTERM: exit code {code}\n{stage.client.tail()}")
    return stage.finish()
