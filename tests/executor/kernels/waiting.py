"""Waiting for facts."""

import time


def until(is_so, *, seconds=20.0):
    """Wait until *is_so()* is true, and return what it said."""
    end = time.monotonic() + seconds
    while not (said := is_so()):
        assert time.monotonic() < end, f"waited {seconds} s for {is_so}"
        time.sleep(0.01)
    return said
