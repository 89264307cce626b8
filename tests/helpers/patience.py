"""How long a test waits for what must come: a limit for a test that hangs, not a measure of speed.

A busy machine may be many times slower than a quiet one, and a test is to pass there too.
"""

import time

PATIENCE = 300.0
"""Seconds."""


def wait_for(ask):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < end, f"still {answer!r} after {PATIENCE:.0f} s"
        time.sleep(0.002)
    return answer
