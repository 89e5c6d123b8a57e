"""Waiting for what another thread or process will do."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0
"""Far more than anything here takes on a busy machine: who waits in vain is told in the end."""


def wait_until(
    happened: Callable[[], bool], *, what: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """Look every 50 ms; fail when it has not happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
