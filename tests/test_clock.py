"""The clock that the product goes by: it follows the machine's, but not over a cliff."""

from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker import clock as clocks
from sketchmaker.clock import ManualClock, SystemClock

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class Machine:
    """A machine whose wall clock can be set; its uptime can't."""

    def __init__(self) -> None:
        self.wall, self.uptime = NOON, 100.0

    def passes(self, delta: timedelta) -> None:
        self.wall += delta
        self.uptime += delta.total_seconds()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()

    class Datetime(datetime):
        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return machine.wall

    monkeypatch.setattr(clocks, "datetime", Datetime)
    monkeypatch.setattr(clocks, "uptime_seconds", lambda: machine.uptime)
    return machine


def test_time_that_passes_is_followed(machine: Machine) -> None:
    clock = SystemClock()

    machine.passes(timedelta(days=400))

    assert clock.now() == NOON + timedelta(days=400)
    assert clock.leap is None


def test_a_clock_that_is_put_right_by_hours_is_followed_both_ways(machine: Machine) -> None:
    clock = SystemClock()

    machine.wall += timedelta(hours=36)
    assert clock.now() == NOON + timedelta(hours=36)
    machine.wall -= timedelta(days=30)
    assert clock.now() == machine.wall
    assert clock.leap is None


def test_a_clock_that_leaps_ahead_is_not_followed_and_says_so(machine: Machine) -> None:
    clock = SystemClock()

    machine.wall += timedelta(days=31)
    machine.passes(timedelta(minutes=5))

    assert clock.now() == NOON + timedelta(minutes=5)
    assert clock.leap == timedelta(days=31)


def test_a_restart_accepts_the_time_that_it_finds(machine: Machine) -> None:
    machine.wall += timedelta(days=31)

    assert SystemClock().now() == NOON + timedelta(days=31)


def test_a_clock_for_tests_moves_when_told_to() -> None:
    clock = ManualClock(NOON)

    clock.advance(timedelta(hours=-1))
    clock.sleep(30)

    assert clock.now() == NOON - timedelta(minutes=59, seconds=30)
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001
