# SPDX-License-Identifier: MIT
"""Waiting for something to become true, with a limit and a name."""

import time


def wait_until(predicate, what, within=10.0, context=None):
    """The predicate's first true value; an AssertionError that names `what` when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}" + (f"\n{context()}" if context else ""))
        time.sleep(0.05)
