# SPDX-License-Identifier: MIT
"""Waiting with a deadline. No test sleeps for a fixed time and then looks."""

import os
import time

# One factor for slow machines and sanitizer builds; every limit of the tests goes through it.
SCALE = float(os.environ.get("JIRO_TEST_TIME_SCALE", "1"))


def seconds(value):
    return value * SCALE


def wait_until(predicate, what, within=10.0, poll=0.01, context=None):
    """Returns the predicate's first true value; fails with `what` (and `context()`) when the time is over."""
    deadline = time.monotonic() + seconds(within)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            extra = f"\n{context()}" if context else ""
            raise AssertionError(f"did not happen within {seconds(within):g} s: {what}{extra}")
        time.sleep(poll)


def holds_for(predicate, what, duration, poll=0.01):
    """Fails as soon as the predicate is false within the time: for what must NOT happen."""
    deadline = time.monotonic() + duration
    while time.monotonic() < deadline:
        if not predicate():
            raise AssertionError(f"stopped being true: {what}")
        time.sleep(poll)
