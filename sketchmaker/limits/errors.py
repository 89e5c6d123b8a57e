"""What happens at a limit, said in a sentence that helps."""

from datetime import datetime, timedelta
from typing import Final

from sketchmaker.limits.rules import Limit

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class LimitReached(Exception):
    """Something was done as often as it may be; again at `retry_at` (UTC)."""

    def __init__(self, limit: Limit, retry_at: datetime, *, now: datetime) -> None:
        self.action = limit.action
        self.by = limit.by
        self.retry_at = retry_at
        super().__init__(
            limit.sentence.format(
                uses=limit.uses, period=in_words(limit.period), wait=_wait(retry_at - now)
            )
        )


def in_words(span: timedelta) -> str:
    """ "a minute", "90 seconds", "an hour", "2 days": in the largest unit that divides it."""
    seconds = round(span.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    count = seconds // size
    if count == 1:
        return f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"{count} {unit}s"


def _wait(left: timedelta) -> str:
    # Rounded up, so that nobody who waits that long comes too early.
    unit = timedelta(hours=1) if left > timedelta(minutes=90) else timedelta(minutes=1)
    return in_words(unit * max(1, -(-left // unit)))
