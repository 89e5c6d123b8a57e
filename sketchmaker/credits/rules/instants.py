"""Instants at the door of the engine: aware, of any zone, and taken as UTC from there on.

Python adds to a datetime, and compares two of one zone, by the wall clock, which is wrong by an
hour when clocks change. In UTC there is only one way to count.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from sketchmaker.credits.rules.errors import InvalidInstant

P = ParamSpec("P")
R = TypeVar("R")

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""A year of room at both ends of the calendar for cycles, lifetimes and zones."""

ARGUMENTS = ("now", "at", "until", "expires_at")


def in_utc(verb: Callable[P, R]) -> Callable[P, R]:
    """Let a verb be called with times of any zone; it gets them in UTC.

    Every public function of the engine with a `now` has it.

    Raises:
        InvalidInstant: a time is naive, or not of the years 2 to 9998; nothing was done.
    """

    @wraps(verb)
    def in_one_zone(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in ARGUMENTS:
            moment = kwargs.get(name)
            if moment is not None:
                kwargs[name] = checked_instant(moment)
        return verb(*args, **kwargs)

    return in_one_zone


def checked_instant(moment: object) -> datetime:
    """Give back the same instant in UTC.

    Raises:
        InvalidInstant: it is naive, or not of the years 2 to 9998.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidInstant(moment)
    if not EARLIEST <= moment < LATEST:
        raise InvalidInstant(moment)
    return moment.astimezone(UTC)
