"""How admins look for people: by a number, by a reset's job, by how a name begins, or by a part."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from sketchmaker.accounts import names
from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import UserSubscription

HIGHEST_ID: Final = 2**31 - 1
LAST_CHARACTER: Final = chr(0x10FFFF)


class Match(StrEnum):
    """What a text is compared with. Only `CONTAINS` has to read everybody."""

    NUMBER = "number"
    JOB = "job"
    PREFIX = "prefix"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Search:
    """A text, and how it is looked for; `number` is the user's or the subscription's."""

    text: str
    match: Match
    number: int = 0

    def condition(self, session: Session) -> ColumnElement[bool]:
        """Which users are found."""
        if self.match in (Match.NUMBER, Match.JOB):
            return self._has_number()
        wanted = names.key(self.text)
        columns = (User.username_key, User.email_key)
        if self.match is Match.CONTAINS:
            return or_(*(column.contains(wanted, autoescape=True) for column in columns))
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        begins_with = _in_range if is_sqlite else _is_like
        return or_(*(begins_with(column, wanted) for column in columns))

    def _has_number(self) -> ColumnElement[bool]:
        if self.number > HIGHEST_ID:
            return false()
        if self.match is Match.NUMBER:
            return User.id == self.number
        owner = select(UserSubscription.user_id).where(UserSubscription.id == self.number)
        return User.id == owner.scalar_subquery()


def _in_range(column: InstrumentedAttribute[str], wanted: str) -> ColumnElement[bool]:
    """SQLite compares texts byte by byte, so that those that begin alike are together."""
    return and_(column >= wanted, column < wanted + LAST_CHARACTER)


def _is_like(column: InstrumentedAttribute[str], wanted: str) -> ColumnElement[bool]:
    """PostgreSQL orders texts as the locale does: an index of another order serves this."""
    return column.startswith(wanted, autoescape=True)
