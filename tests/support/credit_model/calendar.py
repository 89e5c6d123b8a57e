"""Boundaries by dateutil, independent of the engine's own rule."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary


@lru_cache(maxsize=10_000)
def boundary(anchor: datetime, months: int, zone: str) -> datetime:
    """The instant so many calendar months after the anchor, on the wall clock of the zone."""
    if months == 0:
        return anchor
    wall = anchor.astimezone(ZoneInfo(zone)).replace(fold=0) + relativedelta(months=months)
    return resolve_imaginary(wall).astimezone(UTC)
