"""Waiting for what another thread or process will do."""

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Look every 50 ms; fail when it has not happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
