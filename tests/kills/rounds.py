"""How many rounds, and which: said aloud, so that a failing one can be run again.

KILLS_TIMES=20 makes twenty times as many. KILLS_SEED=… makes the round of that seed the first one;
when a signal strikes is up to the machine, so a rare failure may need KILLS_TIMES as well.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

import pytest

SEED = int(os.environ.get("KILLS_SEED", "20260115"))
TIMES = float(os.environ.get("KILLS_TIMES", "1"))


def rounds(request: pytest.FixtureRequest, usual: int) -> Iterator[AbstractContextManager[Random]]:
    """`usual` times KILLS_TIMES rounds, each to be entered: it gives the chance that decides it."""
    for number in range(1, count(usual) + 1):
        yield _round(request, number)


def count(usual: int) -> int:
    """How many rounds there are where there usually are so many."""
    return max(1, round(usual * TIMES))


def say(text: str) -> None:
    """Tell what happened; pytest shows it when the test fails."""
    sys.stdout.write(text + "\n")


@contextmanager
def _round(request: pytest.FixtureRequest, number: int) -> Iterator[Random]:
    seed = SEED + number - 1
    try:
        yield Random(seed)
    except BaseException as error:
        again = f"KILLS_SEED={seed} python -m pytest -n0 '{request.node.nodeid}'"
        error.add_note(f"In round {number}, seed {seed}. Run it again: {again}")
        raise
