"""The thirty bars of the dashboard: credits used on each day, days without use included."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from sketchmaker.credits.rows import ledger
from sketchmaker.web.frame.wording import zone_or_utc

DAYS: Final = 30


@dataclass(frozen=True)
class UsageChart:
    """Whole credits by day of the reader's zone, oldest first."""

    bars: tuple[tuple[date, int], ...]

    @property
    def total(self) -> int:
        """Credits used in all the days together."""
        return sum(used for _, used in self.bars)

    @property
    def most(self) -> int:
        """The most credits that were used on one day."""
        return max(used for _, used in self.bars)

    @property
    def used_days(self) -> tuple[tuple[date, int], ...]:
        """Only the days on which something was used, newest first."""
        return tuple((day, used) for day, used in reversed(self.bars) if used)

    @property
    def data(self) -> dict[str, Any]:
        """What the script that draws it needs."""
        return {
            "labels": [f"{day.day} {day:%b}" for day, _ in self.bars],
            "values": [used for _, used in self.bars],
        }


def usage_chart(session: Session, user_id: int, *, now: datetime, zone: str) -> UsageChart:
    """The user's last 30 days, today included."""
    known_zone = zone_or_utc(zone)
    today = now.astimezone(known_zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    since, until = (
        datetime.combine(day, time(), known_zone) for day in (days[0], today + timedelta(days=1))
    )
    used = dict(
        ledger.daily_usage(session, user_id, since=since, until=until, zone=str(known_zone))
    )
    return UsageChart(tuple((day, used.get(day, 0)) for day in days))
