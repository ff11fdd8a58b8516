# SPDX-License-Identifier: MIT
"""What is measured, in which order. Contestants take turns within each round, so that a busy moment of the machine meets
all of them."""

import re
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from compare.contestants import Running

MAIN = ("floor", "ours", ".NET")
PAYLOADS = {"closed-16-4096": "closed in_flight=16 bytes=4096", "closed-16-262144": "closed in_flight=16 bytes=262144"}
OPEN = {f"open-{rate}": f"open rate={rate} bytes=100" for rate in (1000, 3000, 6000)}
CLOSED = {f"closed-{n}": f"closed in_flight={n} bytes=100" for n in (1, 16, 256)}


class Measurement:
    def __init__(self, contestants, build, rounds, seconds, say):
        self.contestants = [one for one in contestants if one.missing is None]
        self.build, self.rounds, self.seconds, self.say = build, rounds, seconds, say
        self.load_program = build / "tests/bench/jiro-bench-load"
        self.figures = {
            one.name: {"says": one.says, "missing": one.missing, "start_ms": [], "phases": {}} for one in contestants
        }
        for one in self.contestants:
            self.figures[one.name]["size_bytes"] = one.size_bytes()

    def directory(self, contestant):
        return self.build / "run" / contestant.name.strip(".").lower()

    def start(self, contestant, **options):
        return Running(contestant, self.load_program, self.directory(contestant), **options)

    def starts(self, count):
        self.say(f"exec to Connected, {count} times each")
        for turn in range(count):
            for one in rotated(self.contestants, turn):
                with self.start(one) as running:
                    self.figures[one.name]["start_ms"].append(running.connected_ms)

    def under_load(self, idle_seconds, warm_up_commands):
        with ExitStack() as stack:
            running = [stack.enter_context(self.start(one)) for one in self.contestants]
            self.say(f"idle for {idle_seconds} s")
            time.sleep(2)
            self._idle(running, idle_seconds)
            for one in running:
                commands = warm_up_commands * one.contestant.warm_up_factor
                self.say(f"warm-up: {commands} commands to {one.contestant.name}")
                one.phase(f"closed in_flight=16 commands={commands}")
            for turn in range(self.rounds):
                self.say(f"round {turn + 1} of {self.rounds}")
                self._round(running, turn)

    def alone(self, warm_up_commands):
        """Nobody else is there, not even asleep: other ratios than those of all together."""
        for one in self.contestants:
            if one.name not in MAIN:
                continue
            self.say(f"{one.name}, alone")
            with self.start(one) as running:
                running.phase(f"closed in_flight=16 commands={warm_up_commands * one.warm_up_factor}")
                for turn in range(self.rounds):
                    for name, words in CLOSED.items():
                        self._phase([running], turn, name.replace("closed", "alone"), words)

    def _idle(self, running, seconds):
        before = {one.pid: wake_ups(one.pid) for one in running}
        time.sleep(seconds)
        for one in running:
            status = read_status(one.pid)
            self.figures[one.contestant.name]["idle"] = {
                "wake_ups_per_second": (wake_ups(one.pid) - before[one.pid]) / seconds,
                "resident_kb": int(status["VmRSS"].split()[0]),
                "threads": int(status["Threads"]),
            }

    def _round(self, running, turn):
        main = [one for one in running if one.contestant.name in MAIN]
        for name, words in CLOSED.items():
            self._phase(running, turn, name, words)
        for name, words in {**OPEN, **PAYLOADS}.items():
            self._phase(main, turn, name, words)

    def _phase(self, running, turn, name, words):
        for one in rotated(running, turn):
            self._runs(one, name).append(one.phase(f"{words} seconds={self.seconds} warm_up={self.seconds / 4}"))

    def _runs(self, running, name):
        return self.figures[running.contestant.name]["phases"].setdefault(name, [])

    def soak(self, commands):
        """Resident memory along the way, for each main contestant alone."""
        step = min(100_000, commands)
        for one in self.contestants:
            if one.name not in MAIN:
                continue
            self.say(f"{commands} commands to {one.name}")
            resident = []
            with self.start(one) as running:
                for _ in range(0, commands, step):
                    resident.append(running.phase(f"closed in_flight=64 commands={step}"))
            self.figures[one.name]["soak"] = {
                "step": step,
                "resident_kb": [run["resident_kb"] for run in resident],
                "peak_kb": resident[-1]["peak_kb"],
                "cpu_us": [run["cpu_us"] for run in resident],
            }

    def instructions(self, few=500, many=2500):
        """Instructions for each command: what `many` cost more than `few`, under callgrind. No start, no end in it."""
        for one in self.contestants:
            if one.name not in ("floor", "ours"):
                continue
            self.say(f"callgrind: {one.name}")
            counts = []
            for commands in (few, many):
                wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
                with self.start(one, wrapper=wrapper, patience=120) as running:
                    running.phase(f"closed in_flight=16 commands={commands}")
                log = (self.directory(one) / "log").read_text(errors="replace")
                found = re.findall(r"Collected : (\d+)", log)
                if not found:
                    raise RuntimeError(f"callgrind printed no total for {one.name}:\n{log[-2000:]}")
                counts.append(int(found[-1]))
            self.figures[one.name]["instructions"] = (counts[1] - counts[0]) / (many - few)


def rotated(items, turn):
    start = turn % len(items)
    return items[start:] + items[:start]


def read_status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def wake_ups(pid):
    """Voluntary context switches of all threads: each is a wait that ended."""
    return sum(
        int(read_status(f"{pid}/task/{task.name}")["voluntary_ctxt_switches"]) for task in Path(f"/proc/{pid}/task").iterdir()
    )


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{model[1] if model else 'unknown processor'}, {cores} cores"
