"""The numbers on top of the console, counted afresh only where that takes no time."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.paging import COUNTED_TO, count_of
from sketchmaker.reports import listings
from sketchmaker.reports.listings import Totals

RECENT: Final = timedelta(minutes=1)


class Counters:
    """Totals as of now, or of an installation of many people at most `RECENT` old.

    Counting a million rows takes longer than all else on a page. Each process counts for itself.
    """

    def __init__(self, *, many: int = COUNTED_TO) -> None:
        self._many = many
        self._last: Totals | None = None

    def read(self, session: Session, *, now: datetime) -> Totals:
        """The totals; `as_of` says when they were counted."""
        last = self._last
        if last and timedelta() <= now - last.as_of < RECENT and self._are_many(session):
            return last
        self._last = listings.totals(session, now=now)
        return self._last

    def _are_many(self, session: Session) -> bool:
        return not count_of(session, select(User.id), counted_to=self._many).is_exact
