# SPDX-License-Identifier: MIT
"""Who is compared, how each is started, and one running pair of a contestant and its load side."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

CONFIG = """\
InstanceId: user-123
WebSocket:
  HubUrl: http://127.0.0.1:{hub_port}/instanceHub
Grpc:
  ServerUrl: http://127.0.0.1:{grpc_port}
Monitoring:
  Listen: 127.0.0.1:0
Outbox:
  Path: '{outbox}'
  Durability: {durability}
  RedoLog: {redo_log}
"""


class Contestant:
    """A program to measure. `missing` says why it cannot be."""

    warm_up_factor = 1

    def __init__(self, name, says, program, missing=None):
        self.name, self.says, self.program, self.missing = name, says, Path(program), missing
        if missing is None and not self.program.exists():
            self.missing = f"{self.program} was not built"

    def command(self, ports, directory):
        raise NotImplementedError

    def size_bytes(self):
        return self.program.stat().st_size


class Floor(Contestant):
    def __init__(self, name, says, program, *words):
        super().__init__(name, says, program)
        self.words = words

    def command(self, ports, directory):
        return [self.program, str(ports["hub_port"]), str(ports["grpc_port"]), *self.words]


class Ours(Contestant):
    def __init__(self, name, says, program, durability="process", outbox="outbox.db", has_redo_log=True):
        super().__init__(name, says, program)
        self.durability, self.outbox, self.has_redo_log = durability, outbox, has_redo_log

    def command(self, ports, directory):
        outbox = self.outbox if self.outbox == ":memory:" else directory / self.outbox
        config = directory / "config.yaml"
        config.write_text(CONFIG.format(outbox=outbox, durability=self.durability, redo_log=self.redo_log(), **ports))
        return [self.program, "run", "--config", config]


    def redo_log(self):
        """As the packaged unit sets it: on tmpfs. None where there is no tmpfs to write to."""
        folder = Path("/dev/shm/jiro-bench")
        folder.mkdir(exist_ok=True)
        on_tmpfs = subprocess.run(["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True)
        if on_tmpfs.stdout.strip() != "tmpfs" or not self.has_redo_log:
            return "null"
        (folder / f"{self.name}.log").unlink(missing_ok=True)
        return folder / f"{self.name}.log"


class DotNet(Contestant):
    warm_up_factor = 6  # its compiler is at work for the first 50,000 commands

    def command(self, ports, directory):
        return [
            self.program,
            f"--WebSocket:HubUrl=http://127.0.0.1:{ports['hub_port']}/instanceHub",
            f"--Grpc:ServerUrl=http://127.0.0.1:{ports['grpc_port']}",
        ]

    def size_bytes(self):
        """What is deployed: the program's folder, without the shared runtime."""
        return sum(file.stat().st_size for file in self.program.parent.rglob("*") if file.is_file())


def all_contestants(build):
    dotnet = build / "dotnet/bin/JiroReference/release/JiroReference"
    no_sdk = None if shutil.which("dotnet") else "no .NET SDK on this machine"
    client = build / "src/jiro-client"
    return [
        Floor("floor", "Beast and gRPC alone, the channel with our settings", build / "tests/bench/jiro-bench-floor"),
        Ours("ours", "as its unit starts it", client),
        DotNet(".NET", "the process that it replaces", dotnet, no_sdk),
        Ours("database", "ours, without the redo log", client, has_redo_log=False),
        Ours("power", "ours, Durability: power", client, durability="power"),
        Ours("memory", "ours, the outbox in memory", client, outbox=":memory:"),
        Floor("untuned", "the floor with gRPC's channel as it comes", build / "tests/bench/jiro-bench-floor", "untuned"),
    ]


class Running:
    """A contestant that is connected to a load side of its own. Ends both on exit."""

    def __init__(self, contestant, load_program, directory, wrapper=(), patience=30.0):
        self.contestant = contestant
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.load = subprocess.Popen([load_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = None
        try:
            ports = self._read()
            command = [*wrapper, *map(str, contestant.command(ports, directory))]
            self.log = open(directory / "log", "ab")  # console logging goes to a file, as under a service manager
            started = time.monotonic_ns()
            self.process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                            env=os.environ | {"STATE_DIRECTORY": str(directory), "DOTNET_TieredPGO": "1"})
            self.connected_ms = (self._read(patience)["connected_at_ns"] - started) / 1e6
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def phase(self, words):
        self.log.truncate(0)
        self.load.stdin.write(f"{words} pid={self.pid}\n")
        self.load.stdin.flush()
        figures = self._read(3600)
        if "error" in figures or "lost_at_ns" in figures:
            raise RuntimeError(f"{self.contestant.name}, {words}: {figures}")
        return figures

    def stop(self):
        for process in (self.process, self.load):
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _read(self, patience=30.0):
        import select

        ready, _, _ = select.select([self.load.stdout], [], [], patience)
        line = self.load.stdout.readline() if ready else ""
        if not line:
            raise RuntimeError(f"{self.contestant.name}: nothing from the load side within {patience:.0f} s")
        return json.loads(line)
