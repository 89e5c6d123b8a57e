"""The rule of dates, against tables written by hand and against an oracle that shares no code."""

import random
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.rules.cycle import cycle_number, cycle_start, days_until, next_reset_after

PAIRS = 100_000
SIXTY_YEARS = timedelta(days=60 * 365)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def oracle(anchor: datetime, now: datetime) -> datetime:
    """dateutil's answer: months are added to the anchor until the result is in the future."""
    passed = relativedelta(now, anchor)
    n = max(passed.years * 12 + passed.months, 1)
    while anchor + relativedelta(months=n) <= now:
        n += 1
    while n > 1 and anchor + relativedelta(months=n - 1) > now:
        n -= 1
    return anchor + relativedelta(months=n)


def random_pairs() -> list[tuple[datetime, datetime]]:
    chance = random.Random(20261123)
    first = utc("1990-01-01 00:00")
    pairs = []
    for _ in range(PAIRS):
        anchor = first + SIXTY_YEARS * chance.random()
        now = anchor + SIXTY_YEARS * chance.random() ** 3
        if chance.random() < 0.25:  # a boundary, or a moment beside it
            now = anchor + relativedelta(months=chance.randrange(720))
            now += timedelta(microseconds=chance.choice((-1, 0, 1)))
        pairs.append((anchor, max(now, anchor)))
    return pairs


@pytest.mark.slow
def test_next_resets_of_100_000_pairs_are_future_near_on_the_anchors_day_and_as_dateutil_says() -> (
    None
):
    for anchor, now in random_pairs():
        reset = next_reset_after(anchor, now)

        assert reset > now
        assert reset <= now + relativedelta(months=1, days=3)
        assert reset - relativedelta(months=1) <= now
        assert reset.day == min(anchor.day, monthrange(reset.year, reset.month)[1])
        assert reset.timetz() == anchor.timetz()
        assert reset == oracle(anchor, now), (anchor, now)


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("2026-01-15 10:30", ["2026-02-15 10:30", "2026-03-15 10:30", "2026-04-15 10:30"]),
        ("2026-01-31 09:00", ["2026-02-28 09:00", "2026-03-31 09:00", "2026-04-30 09:00"]),
        ("2024-01-30 00:00", ["2024-02-29 00:00", "2024-03-30 00:00", "2024-04-30 00:00"]),
        ("2024-02-29 23:59", ["2024-03-29 23:59", "2024-04-29 23:59", "2024-05-29 23:59"]),
        ("2025-12-31 12:00", ["2026-01-31 12:00", "2026-02-28 12:00", "2026-03-31 12:00"]),
    ],
)
def test_cycles_are_counted_from_the_anchor_and_never_drift(
    anchor: str, expected: list[str]
) -> None:
    assert [cycle_start(utc(anchor), n) for n in (1, 2, 3)] == [utc(day) for day in expected]


def test_a_leap_day_comes_back_to_the_29th_after_four_years() -> None:
    anchor = utc("2024-02-29 08:00")

    assert cycle_start(anchor, 12) == utc("2025-02-28 08:00")
    assert cycle_start(anchor, 48) == utc("2028-02-29 08:00")


def test_a_boundary_belongs_to_the_cycle_it_begins() -> None:
    anchor = utc("2026-01-31 12:00")
    boundary = utc("2026-02-28 12:00")

    assert cycle_number(anchor, boundary - timedelta(microseconds=1)) == 0
    assert cycle_number(anchor, boundary) == 1
    assert next_reset_after(anchor, boundary) == utc("2026-03-31 12:00")


@pytest.mark.parametrize(
    ("zone", "anchor", "n", "expected"),
    [
        # New York: 01:30 wall clock before and after the change of 8 March 2026.
        ("America/New_York", "2026-02-10 06:30", 1, "2026-03-10 05:30"),
        # 02:30 on 8 March does not exist there; it becomes 03:30 EDT.
        ("America/New_York", "2026-02-08 07:30", 1, "2026-03-08 07:30"),
        # 01:30 on 1 November occurs twice; the first, in EDT, counts.
        ("America/New_York", "2026-10-01 05:30", 1, "2026-11-01 05:30"),
        ("Europe/Berlin", "2026-02-28 23:30", 1, "2026-03-31 22:30"),
        ("Asia/Kolkata", "2026-01-14 18:45", 1, "2026-02-14 18:45"),
        ("Australia/Lord_Howe", "2026-03-05 15:00", 1, "2026-04-05 15:30"),
    ],
)
def test_the_wall_clock_of_the_zone_holds_across_changes_of_the_clocks(
    zone: str, anchor: str, n: int, expected: str
) -> None:
    assert cycle_start(utc(anchor), n, zone) == utc(expected)


def test_somebody_who_joins_late_on_the_31st_in_los_angeles_keeps_the_31st_there() -> None:
    zone = "America/Los_Angeles"
    anchor = utc("2026-02-01 02:00")  # 18:00 on 31 January there

    days = [cycle_start(anchor, n, zone).astimezone(ZoneInfo(zone)).day for n in range(1, 5)]

    assert days == [28, 31, 30, 31]


@given(
    anchor=st.integers(0, 60 * 365 * 86_400).map(
        lambda seconds: utc("1990-01-01 00:00") + timedelta(seconds=seconds)
    ),
    n=st.integers(0, 720),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Tehran"]
    ),
)
def test_boundaries_strictly_increase_and_number_themselves(
    anchor: datetime, n: int, zone: str
) -> None:
    start, following = cycle_start(anchor, n, zone), cycle_start(anchor, n + 1, zone)

    assert following > start
    assert cycle_number(anchor, start, zone) == n
    assert next_reset_after(anchor, start, zone) == following


def test_before_the_anchor_the_first_reset_is_that_of_cycle_1() -> None:
    anchor = utc("2026-01-15 10:00")

    assert cycle_number(anchor, utc("2020-01-01 00:00")) == 0
    assert next_reset_after(anchor, utc("2020-01-01 00:00")) == utc("2026-02-15 10:00")


def test_a_naive_datetime_is_refused() -> None:
    naive = utc("2026-01-02 00:00").replace(tzinfo=None)

    with pytest.raises(ValueError, match="time zone"):
        cycle_start(naive, 1)
    with pytest.raises(ValueError, match="time zone"):
        next_reset_after(utc("2026-01-01 00:00"), naive)


def test_days_until_counts_midnights_of_the_persons_zone() -> None:
    now, reset = utc("2026-02-03 23:30"), utc("2026-02-15 01:00")

    assert days_until(now, reset) == 12
    assert days_until(now, reset, "Asia/Tokyo") == 11
    assert days_until(reset, reset) == 0
