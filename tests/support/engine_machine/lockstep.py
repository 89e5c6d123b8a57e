"""A second engine that puts nothing off, in which the same people live the same lives."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, union_all
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import granting
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.credits.spending import holds
from sketchmaker.credits.tables import GRANTS, HOLDS, IS_ACTIVE, IS_PENDING, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.database import Database

SUSPENDED = cast(Table, SuspendedReset.__table__)

_INSTANTS = union_all(
    select(SUBSCRIPTIONS.c.next_credit_reset.label("at")).where(IS_ACTIVE),
    select(HOLDS.c.expires_at).where(IS_PENDING),
    select(GRANTS.c.expires_at).where(GRANTS.c.credits_remaining > 0),
    select(SUSPENDED.c.retry_at),
).subquery()
_NEXT = select(func.min(_INSTANTS.c.at)).where(
    _INSTANTS.c.at > bindparam("after"), _INSTANTS.c.at <= bindparam("until")
)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Ids:
    """One person's numbers in one database."""

    user_id: int
    subscription_id: int
    hold_ids: list[int] = field(default_factory=list)


class Twin:
    """The engine whose chores are all done, at each instant that calls for one."""

    def __init__(self, database: Database, *, now: datetime) -> None:
        self.database = database
        self.desk = CreditDesk(database)
        self._done_until = now

    def answer(self, work: Callable[[Session], Any], *, now: datetime) -> Any:
        """What it answers to the verb, or its refusal, after all that was due."""
        self.catch_up(now)
        return answer_of(self.database, work)

    def catch_up(self, now: datetime) -> None:
        """Do all that falls due until `now`, each when it does."""
        with self.database.transaction() as session:
            while (at := session.scalar(_NEXT, self._until(now))) is not None:
                do_chores(session, now=at)
                self._done_until = at
            self._done_until = now
            if session.scalar(_NEXT, {"after": LONG_AGO, "until": now}) is not None:
                do_chores(session, now=now)  # what was resumed, or moved to the past

    def _until(self, now: datetime) -> dict[str, datetime]:
        return {"after": self._done_until, "until": now}


def do_chores(session: Session, *, now: datetime) -> None:
    """All that schedulers and housekeepers do for credits. Ends and planned changes are resets'."""
    resets.reset_due(session, now=now)
    holds.release_expired(session, now=now)
    granting.expire_due(session, now=now)
    idempotency.forget_old(session, now=now)


def answer_of(database: Database, work: Callable[[Session], Any]) -> Any:
    """The verb's answer, or its refusal, in a transaction of its own."""
    try:
        with database.transaction() as session:
            return work(session)
    except CreditError as error:
        return error


def facts(answer: Any) -> Any:
    """All that an answer, a refusal or a statement says, but for numbers of rows."""
    if isinstance(answer, CreditError):
        return type(answer).__name__, _named(vars(answer))
    if is_dataclass(answer):
        return _named({each.name: getattr(answer, each.name) for each in fields(answer)})
    return answer


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: facts(value)
        for name, value in values.items()
        if name != "id" and not name.endswith("_id")
    }
