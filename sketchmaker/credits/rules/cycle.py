"""The rule of dates: on which instant does each cycle of a subscription begin?

Cycle n begins n calendar months after the anchor, on the anchor's day or, in a shorter month, on
its last day, at the anchor's wall-clock time in the subscription's zone. It is always counted from
the anchor, never from the cycle before, so January 31 goes to February 28 and on to March 31.
Cycles are half-open: the instant of a boundary belongs to the new cycle.

A wall-clock time that a zone skips (clocks go forward) becomes the instant as far after the change;
one that occurs twice (clocks go back) is the first of the two.

Standard library only; no clock, no SQL. Every datetime in and out is aware; what comes out is UTC.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS_IN_A_YEAR = 12
SHORTEST_MONTH = 28


def cycle_start(anchor: datetime, n: int, zone: str = "UTC") -> datetime:
    """The instant, in UTC, at which cycle `n` begins. Cycle 0 begins at the anchor itself.

    Raises:
        ValueError: the anchor is naive, or the year would leave 1 to 9999.
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    if n == 0:
        return _aware(anchor).astimezone(UTC)
    local = _aware(anchor).astimezone(_zone(zone))
    year, month_index = divmod(
        local.year * MONTHS_IN_A_YEAR + local.month - 1 + n, MONTHS_IN_A_YEAR
    )
    month = month_index + 1
    day = local.day if local.day <= SHORTEST_MONTH else min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)


def cycle_number(anchor: datetime, at: datetime, zone: str = "UTC") -> int:
    """The cycle that holds the instant `at`; 0 for anything before the first boundary.

    Raises:
        ValueError, zoneinfo.ZoneInfoNotFoundError: as `cycle_start`.
    """
    local_anchor, local = (_aware(moment).astimezone(_zone(zone)) for moment in (anchor, at))
    months = (local.year - local_anchor.year) * MONTHS_IN_A_YEAR + local.month - local_anchor.month
    # Within its month the boundary may lie on either side of `at`; a zone's change of offset may
    # carry it over the month's edge, hence one month to spare.
    n = max(months + 1, 0)
    while n > 0 and cycle_start(anchor, n, zone) > at:
        n -= 1
    return n


def next_reset_after(anchor: datetime, after: datetime, zone: str = "UTC") -> datetime:
    """The first boundary strictly later than `after`, in UTC. The first there is begins cycle 1.

    Raises:
        ValueError, zoneinfo.ZoneInfoNotFoundError: as `cycle_start`.
    """
    return cycle_start(anchor, cycle_number(anchor, after, zone) + 1, zone)


def upcoming_resets(
    anchor: datetime, zone: str, after: datetime, count: int = 24
) -> list[datetime]:
    """The next `count` boundaries strictly later than `after`, in UTC: a preview for any anchor.

    Raises:
        ValueError, zoneinfo.ZoneInfoNotFoundError: as `cycle_start`.
    """
    first = cycle_number(anchor, after, zone) + 1
    return [cycle_start(anchor, n, zone) for n in range(first, first + count)]


def days_until(now: datetime, reset: datetime, zone: str = "UTC") -> int:
    """How many dates of `zone` the reset is ahead of now: 0 means later today, or due.

    A date that the zone skipped counts as well.
    """
    today, day = (_aware(moment).astimezone(_zone(zone)).date() for moment in (now, reset))
    return max((day - today) // timedelta(days=1), 0)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: pass an aware datetime.")
    return moment
