# SPDX-License-Identifier: MIT
"""Hours of ordinary work with flapping links: what grows?"""

import itertools
import os
import pathlib
import re
import time

from stage import Stage


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
