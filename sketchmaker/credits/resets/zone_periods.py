"""A zone's offsets from UTC as a table, for a database to count in local time as `cycle` does.

What a database is told instead of being asked what time it is where: the periods between a zone's
changes of offset, with the wall-clock times that belong to each. Every wall-clock time belongs to
exactly one.

Standard library only; no clock, no SQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

STEP = timedelta(days=7)
"""Between two looks at a zone: no zone has changed and changed back within a week since 1970."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until` the clocks of a zone are `ahead` of UTC.

    Wall-clock times from `wall_since` to before `wall_until` are counted in it: those that occur
    twice where they occur first, those that the zone skips as if it had not changed yet.
    """

    zone: str
    since: datetime
    until: datetime
    wall_since: datetime
    wall_until: datetime
    ahead: timedelta


@lru_cache(maxsize=1024)
def zone_periods(zone: str, first_year: int, last_year: int) -> tuple[Period, ...]:
    """The periods of a zone that cover those years.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    begin, end = (
        datetime(first_year, 1, 1, tzinfo=UTC) - STEP,
        datetime(last_year + 1, 1, 2, tzinfo=UTC),
    )
    info = ZoneInfo(zone)
    edges = [begin, *_changes(info, begin, end), end]
    ahead = [_ahead(info, edge) for edge in edges]
    walls = [
        edge.replace(tzinfo=None) + max(ahead[max(number - 1, 0)], ahead[number])
        for number, edge in enumerate(edges)
    ]
    return tuple(
        Period(zone, edges[n], edges[n + 1], walls[n], walls[n + 1], ahead[n])
        for n in range(len(edges) - 1)
    )


def _changes(info: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants from which another offset holds."""
    looked = begin
    while looked < end:
        following = min(looked + STEP, end)
        if _ahead(info, following) != _ahead(info, looked):
            yield _change(info, looked, following)
        looked = following


def _change(info: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset, which is not yet there `before` and is there `after`."""
    old = _ahead(info, before)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _ahead(info, middle) == old else (before, middle)
    return after


def _ahead(info: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(info).utcoffset()
    assert offset is not None  # every zone has one
    return offset
