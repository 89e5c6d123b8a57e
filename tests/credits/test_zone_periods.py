"""The table of a zone's offsets counts as the rule of dates does, for every zone and time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.resets.zone_periods import Period, zone_periods
from sketchmaker.credits.rules.cycle import cycle_start

FIRST, LAST = 2019, 2031
BEGIN, END = datetime(FIRST, 1, 1), datetime(LAST, 12, 1)  # noqa: DTZ001 - wall-clock times

pytestmark = pytest.mark.slow

ZONES = st.sampled_from(sorted(available_timezones()))


@given(ZONES, st.datetimes(BEGIN, END))
def test_every_instant_is_in_one_period_which_knows_how_far_the_clocks_are_ahead(
    zone: str, at: datetime
) -> None:
    instant = at.replace(tzinfo=UTC)

    (period,) = [p for p in zone_periods(zone, FIRST, LAST) if p.since <= instant < p.until]

    assert period.ahead == instant.astimezone(ZoneInfo(zone)).utcoffset()


@given(ZONES, st.datetimes(BEGIN, END))
def test_every_wall_clock_time_is_in_one_period_and_is_the_instant_of_the_rule(
    zone: str, wall: datetime
) -> None:
    assert instant_of(zone, wall) == wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@given(ZONES, st.data())
def test_around_every_change_of_the_clocks_the_rule_holds_to_the_second(
    zone: str, data: st.DataObject
) -> None:
    change = data.draw(st.sampled_from(zone_periods(zone, FIRST, LAST)[1:] or [None]))
    if change is None:
        return
    beside = data.draw(st.sampled_from([-3601, -3600, -1801, -1, 0, 1, 1799, 1800, 3599, 3600]))
    wall = change.wall_since + timedelta(seconds=beside)
    if BEGIN < wall < END:
        assert instant_of(zone, wall) == wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_cycle_may_be_counted_by_the_periods_alone() -> None:
    anchor = datetime(2026, 1, 29, 1, 30, tzinfo=UTC)  # 02:30 in Berlin, which March 29 skips

    assert instant_of("Europe/Berlin", datetime(2026, 3, 29, 2, 30)) == cycle_start(  # noqa: DTZ001
        anchor, 2, "Europe/Berlin"
    )


def test_no_zone_changes_and_changes_back_between_two_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zones = sorted(available_timezones())
    usual = {zone: zone_periods(zone, FIRST, LAST)[1:] for zone in zones}
    monkeypatch.setattr("sketchmaker.credits.resets.zone_periods.STEP", timedelta(days=1))
    zone_periods.cache_clear()

    closer = {zone: zone_periods(zone, FIRST, LAST)[1:] for zone in zones}

    zone_periods.cache_clear()
    assert [(p.since, p.ahead) for zone in zones for p in closer[zone]] == [
        (p.since, p.ahead) for zone in zones for p in usual[zone]
    ]


def instant_of(zone: str, wall: datetime) -> datetime:
    """The instant of a wall-clock time, by the one period that it is in."""
    (period,) = _periods_at(zone, wall)
    return (wall - period.ahead).replace(tzinfo=UTC)


def _periods_at(zone: str, wall: datetime) -> list[Period]:
    return [p for p in zone_periods(zone, FIRST, LAST) if p.wall_since <= wall < p.wall_until]
