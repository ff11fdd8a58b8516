# SPDX-License-Identifier: MIT
"""The disk is full, read-only, broken or lies; the file is damaged, too new, or somebody else's. The daemon names it, refuses new
commands, keeps what it owes, stays up, and goes on by itself when the trouble ends."""

import contextlib
import errno
import hashlib
import pathlib
import random
import shutil
import sqlite3
import subprocess
import time

from stage import Stage, rounds

from harness.programs import CLIENT, TempDir, clean_environment
from harness.waiting import seconds, wait_until


@contextlib.contextmanager
def small_disk(options):
    """A tmpfs; None where there is no right to mount."""
    folder = TempDir()
    mount = ["mount", "-t", "tmpfs", "-o", f"{options},mode=0700", "tmpfs", str(folder.path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        folder.remove()
        yield None
        return
    try:
        yield folder.path
    finally:
        subprocess.run(["umount", "-l", str(folder.path)], check=False)
        folder.remove()


def left_out(name, what):
    print(f"  {name}: left out, it needs {what}", flush=True)


class Trouble:
    """Between its begin and its end the daemon must refuse commands with these words and live on; then it must take commands again
    without a restart."""

    def __init__(self, stage, name, words):
        self.stage, self.name, self.words = stage, name, words
        self.failures = []

    def expect_refusal(self, within=20):
        before = sum(self.stage.load.refusals.values())

        def named():
            return any(word in text for text in self.stage.load.refusals for word in self.words)

        try:
            wait_until(lambda: self.stage.died() or (sum(self.stage.load.refusals.values()) > before and named()),
                       f"a refusal for {self.name}", within)
        except AssertionError:
            self.failures.append(f"{self.name}: no command was refused with {self.words}; refused were: {dict(self.stage.load.refusals)}")
        if self.stage.died():
            self.failures.append(f"{self.name}: the daemon ended with {self.stage.client.process.returncode}\n{self.stage.client.tail(10)}")

    def expect_recovery(self, within=20):
        try:
            self.stage.wait_for_progress(3, within)
        except AssertionError as error:
            self.failures.append(f"{self.name}: no command was taken after it had ended: {error}")
        self.stage.load.refusals.clear()


def finish(stage, *troubles):
    verdict = stage.finish()
    for trouble in troubles:
        verdict.failures += trouble.failures
    return verdict


def damaged_files(arguments, seeds):
    """Random bytes flipped and files truncated between two runs: it always starts and serves. What was in the damaged places may be
    lost and forgotten, so only the starts are judged."""
    failed = []
    stage = Stage("damaged files", arguments)
    for seed in rounds(arguments, seeds):
        dice = random.Random(f"{arguments.seed} damage {seed}")
        stage.start()
        try:
            stage.wait_for_progress(3, 30)
        except AssertionError as error:
            failed.append(f"seed {seed} did not come up again: {str(error)[:2000]}")
        stage.kill()
        files = [path for path in stage.client.outbox.parent.iterdir()
                 if path.name in ("outbox.db", "outbox.db-wal") and path.stat().st_size]
        if stage.client.redo_log is not None:
            stage.client.redo_log.with_suffix(".redo.damaged").unlink(missing_ok=True)
            files += [path for path in (stage.client.redo_log,) if path.exists()]
        for old in stage.client.outbox.parent.glob("*.corrupt-*"):
            old.unlink()
        if files:
            damage(dice.choice(files), dice)
    verdict = stage.finish(bound=10)
    verdict.lost, verdict.run_twice, verdict.conflicting, verdict.false_success = [], [], [], []
    verdict.failures += failed
    return verdict


def damage(path, dice):
    data = bytearray(path.read_bytes())
    if dice.random() < 0.25:
        del data[dice.randrange(len(data)):]
    else:
        for _ in range(dice.choice([1, 1, 4, 64])):
            # Half of the flips in the header and first pages, where it hurts.
            data[dice.randrange(min(len(data), 200 if dice.random() < 0.5 else len(data)))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def fill(folder):
    """Takes the last byte; returns the file to delete."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096) == 4096:
            pass
    return filler


def disk_full(arguments, times):
    """Filled while the daemon works, and emptied again; killed while it is full every third time, stopped and started another."""
    with small_disk("size=64m") as disk:
        if disk is None:
            return left_out("disk full", "the right to mount")
        stage = Stage("disk full", arguments, state=disk, outstanding=100)
        trouble = Trouble(stage, "disk full", ["no space left for the outbox", "little space left"])
        stage.start()
        for number in rounds(arguments, times):
            trouble.expect_recovery(60)
            filler = fill(disk)
            trouble.expect_refusal()
            time.sleep(stage.random.uniform(0, 1))
            if number % 3 == 2:
                stage.kill()
                stage.start()
            elif number % 3 == 1:
                stage.client.stop(60)
                stage.start()
                time.sleep(0.5)
            filler.unlink()
        return finish(stage, trouble)


def no_inodes(arguments, times):
    """No file can be made: seen by a running daemon, and by one that starts (its write-ahead log is a file)."""
    with small_disk("size=64m,nr_inodes=60") as disk:
        if disk is None:
            return left_out("no inodes", "the right to mount")
        stage = Stage("no inodes", arguments, state=disk)
        trouble = Trouble(stage, "no inodes", ["space left", "unable to open", "cannot open", "disk I/O error"])
        stage.start()
        for number in rounds(arguments, times):
            trouble.expect_recovery()
            if number % 2:
                stage.client.stop()
            made = []
            with contextlib.suppress(OSError):
                for i in range(200):
                    made.append(disk / f"filler{i}")
                    made[-1].touch()
            if number % 2:
                stage.start()
            trouble.expect_refusal()
            for path in made:
                path.unlink(missing_ok=True)
        trouble.expect_recovery()
        return finish(stage, trouble)


def read_only(arguments, times):
    """It starts on a file system that is mounted read-only, which is mounted for writing later."""
    with small_disk("size=64m") as disk:
        if disk is None:
            return left_out("read-only", "the right to mount")
        stage = Stage("read-only file system", arguments, state=disk)
        trouble = Trouble(stage, "read-only", ["Read-only file system", "readonly"])
        stage.start()
        for _ in rounds(arguments, times):
            trouble.expect_recovery()
            stage.client.stop()
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            stage.start()
            trouble.expect_refusal()
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        trouble.expect_recovery()
        return finish(stage, trouble)


def failing_disk(arguments, times, durability="power"):
    """Writes and flushes of the database and its log fail, as a dying disk makes them (disk_shim.c). With `process` there is the
    redo log before it, and hardly a flush to fail."""
    compiler = shutil.which("cc")
    if compiler is None:
        return left_out("failing disk", "a C compiler")
    name = "failing disk" if durability == "power" else "failing disk behind a redo log"
    stage = Stage(name, arguments, outstanding=100, config={"Outbox": {"Durability": durability}})
    shim, control = stage.directory / "shim.so", stage.directory / "disk"
    source = pathlib.Path(__file__).with_name("disk_shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(source), "-ldl"], check=True)
    codes = (errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
    is_space = (errno.ENOSPC, errno.EDQUOT)
    stage.start(LD_PRELOAD=shim, CHAOS_DISK=control)
    troubles = []
    for number in rounds(arguments, times):
        code = codes[number // 2 % len(codes)]
        kind = "sync " if number % 2 and durability == "power" else ""
        word = "space left" if code in is_space and not kind else "disk I/O error"
        trouble = Trouble(stage, f"{kind}{errno.errorcode[code]}", [word, "space left", "readonly", "Read-only"])
        troubles.append(trouble)
        trouble.expect_recovery()
        new = control.with_suffix(".new")
        new.write_text(f"{kind}{code}")
        new.rename(control)
        trouble.expect_refusal()
        control.unlink()
    if troubles:
        troubles[-1].expect_recovery(30)
    return finish(stage, *troubles)


def failing_disk_behind_redo_log(arguments, times):
    return failing_disk(arguments, times, "process")


def newer_schema(arguments, times):
    """A file that a newer version wrote: refused by that name, not touched, and used again when its version is known."""
    stage = Stage("newer schema", arguments)
    trouble = Trouble(stage, "newer schema", ["run the newer version"])

    def version():
        with contextlib.closing(sqlite3.connect(stage.client.outbox)) as database:
            return database.execute("PRAGMA user_version").fetchone()[0]

    def write_version(number):
        with contextlib.closing(sqlite3.connect(stage.client.outbox)) as database, database:
            database.execute("UPDATE facts SET value = ? WHERE name = 'schema'", (number,))
            database.execute(f"PRAGMA user_version = {number}")

    stage.start()
    for _ in rounds(arguments, times):
        trouble.expect_recovery()
        stage.client.stop()
        ours = version()
        write_version(99)
        before = hashlib.sha256(stage.client.outbox.read_bytes()).digest()
        stage.start()
        trouble.expect_refusal()
        stage.client.stop()
        if hashlib.sha256(stage.client.outbox.read_bytes()).digest() != before:
            trouble.failures.append("the newer version's file was changed")
        write_version(ours)
        stage.start()
    trouble.expect_recovery()
    return finish(stage, trouble)


def second_daemon(arguments, times):
    """Others that are started on the same directory end, say why, and do no harm."""
    stage = Stage("second daemon", arguments)
    failures = []
    stage.start()
    for _ in rounds(arguments, times):
        stage.wait_for_progress(3)
        done = subprocess.run([CLIENT, "run", "--config", str(stage.client.config_file)], env=clean_environment(),
                              capture_output=True, text=True, timeout=seconds(20), check=False)
        if done.returncode == 0 or "in use by another jiro-client" not in done.stderr:
            failures.append(f"it ended with {done.returncode}: {done.stderr[-500:]}")
    verdict = stage.finish()
    verdict.failures += failures
    return verdict
