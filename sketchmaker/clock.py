"""The only reader of the time.

Edges (a view, a job, a command) read the clock once and pass `now` on; nothing below asks again.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

LEAP_LIMIT = timedelta(hours=36)


class Clock(Protocol):
    """Where an edge gets the time and waits for it to pass."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...

    @property
    def leap(self) -> timedelta | None:
        """How far the machine's clock has leapt ahead of time; None when it has not."""
        ...


class SystemClock:
    """The machine's clock, with one doubt.

    A wall clock that leaps ahead of the time that really passed by more than `LEAP_LIMIT` would
    reset everybody's credits at once. Such a leap is not followed: time goes on from where it was,
    `leap` says by how much the wall clock differs, and `/healthz` asks for attention until the
    process is restarted. A clock set back is followed; the engine never undoes a cycle.
    """

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC)
        self._started_after_boot = uptime_seconds()

    def now(self) -> datetime:
        """The present, in UTC."""
        wall, expected = self._readings()
        return expected if wall - expected > LEAP_LIMIT else wall

    @property
    def leap(self) -> timedelta | None:
        """How far the wall clock has leapt ahead of the time that passed; None when it has not."""
        wall, expected = self._readings()
        return wall - expected if wall - expected > LEAP_LIMIT else None

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)

    def _readings(self) -> tuple[datetime, datetime]:
        passed = timedelta(seconds=uptime_seconds() - self._started_after_boot)
        return datetime.now(UTC), self._started_at + passed


class ManualClock:
    """A clock that moves when told to: for tests and simulations."""

    leap: timedelta | None = None

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def now(self) -> datetime:
        """The time that was set last, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Put the clock to an aware time, forward or back."""
        if now.tzinfo is None:
            raise ValueError(f"{now!r} has no time zone: give an aware time.")
        self._now = now.astimezone(UTC)

    def advance(self, delta: timedelta) -> None:
        """Let time pass (or, with a negative delta, run back)."""
        self._now += delta

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass at once."""
        self.advance(timedelta(seconds=seconds))


def uptime_seconds() -> float:
    """Seconds since the machine started; it never runs back, whatever is done to the clock."""
    # BOOTTIME goes on while a laptop is suspended; MONOTONIC does not, and would take every
    # awakening for a leap. Outside Linux only MONOTONIC is to be had.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
