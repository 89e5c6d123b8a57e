"""Counting uses, in the database and so by all processes together."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.orm import Session

from sketchmaker.limits.errors import LimitReached
from sketchmaker.limits.networks import address_of, network_of
from sketchmaker.limits.rules import COUNTED_TOGETHER, DECLARED, LONGEST_PERIOD, Action, By, Limit
from sketchmaker.limits.tables import LimitUse

CLOCKS_APART = timedelta(minutes=1)
"""Rows from a clock that once stood further ahead than this must keep nobody out until then."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something: what is known of them, as it is written down.

    `account` is any text that stands for the account, also for one that does not exist; `address`
    is the IP address as the edge knows it; `browser` names a browser.
    """

    account: str | None = None
    address: str | None = None
    browser: str | None = None

    def facts(self) -> dict[str, str]:
        """The columns of a use by them."""
        facts = {}
        if self.account is not None:
            facts["account"] = _hash(self.account)
        if self.browser is not None:
            facts["browser"] = _hash(self.browser)
        if self.address is not None:
            facts["address"] = address_of(self.address)
            facts["network"] = network_of(self.address)
        return facts


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits in force."""

    table: tuple[Limit, ...] = field(default=DECLARED)

    def take(
        self,
        session: Session,
        action: Action,
        who: Who,
        *,
        now: datetime,
        by: Collection[By] = tuple(By),
    ) -> int:
        """Count one use; gives its number. `by` leaves out limits that don't concern this one.

        Uses that are refused are not counted. Of several limits that are reached, the one with
        the longest wait is told.

        Raises:
            LimitReached: wait until its `retry_at`.
        """
        facts = who.facts()
        concerned = [limit for limit in self.table if limit.action == action and limit.by in by]
        _wait_for_other_uses(session, concerned, facts)
        ends = [(_free_again_at(session, limit, facts, now), limit) for limit in concerned]
        retry_at, limit = max(ends, key=lambda end: end[0], default=(now, None))
        if limit is not None and retry_at > now:
            raise LimitReached(limit, retry_at, now=now)
        use = LimitUse(action=action, used_at=now, **facts)
        session.add(use)
        session.flush()
        return use.id


DECLARED_LIMITS = Limits()


def account_of(user_id: int) -> str:
    """The text that stands for a user's account in every action."""
    return f"user {user_id}"


def give_back(session: Session, use_id: int) -> None:
    """The use did not count after all."""
    session.execute(delete(LimitUse).where(LimitUse.id == use_id))


def clear_account(session: Session, action: Action, account: str) -> None:
    """The uses by this account no longer count for it; they still do for their addresses."""
    its = (LimitUse.action == action) & (LimitUse.account == _hash(account))
    session.execute(update(LimitUse).where(its).values(account=None, browser=None))


def forget_account(session: Session, account: str) -> None:
    """Delete every use by this account."""
    session.execute(delete(LimitUse).where(LimitUse.account == _hash(account)))


def forget_old_uses(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Delete uses that no longer count, the oldest first, at most `limit`; gives how many."""
    past = LimitUse.used_at < now - LONGEST_PERIOD
    some = select(LimitUse.id).where(past).order_by(LimitUse.used_at).limit(limit)
    gone = session.scalars(delete(LimitUse).where(LimitUse.id.in_(some)).returning(LimitUse.id))
    return len(gone.all())


def _free_again_at(
    session: Session, limit: Limit, facts: dict[str, str], now: datetime
) -> datetime:
    counted = (
        LimitUse.action == limit.action,
        LimitUse.used_at > now - limit.period,
        LimitUse.used_at <= now + CLOCKS_APART,
        *_counted_together(limit, facts),
    )
    if limit.backoff is None:
        newest_first = select(LimitUse.used_at).where(*counted).order_by(LimitUse.used_at.desc())
        first_that_fills = session.scalar(newest_first.offset(limit.uses - 1).limit(1))
        return first_that_fills + limit.period if first_that_fills else now
    uses, last = session.execute(
        select(func.count(), func.max(LimitUse.used_at)).where(*counted)
    ).one()
    if uses < limit.uses or last is None:
        return now
    # The exponent is bounded, so that a thousand uses don't overflow.
    doubled: timedelta = limit.backoff.first * 2 ** min(uses - limit.uses, 16)
    free: datetime = last + min(doubled, limit.backoff.longest)
    return max(now, free)


def _counted_together(limit: Limit, facts: dict[str, str]) -> list[ColumnElement[bool]]:
    return [getattr(LimitUse, name) == facts[name] for name in COUNTED_TOGETHER[limit.by]]


def _wait_for_other_uses(session: Session, limits: list[Limit], facts: dict[str, str]) -> None:
    """Let one use at a time through for whoever is counted together, until the transaction ends.

    SQLite has one writer anyway. On PostgreSQL two transactions would each count without the other.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    keys = {
        "/".join([limit.action, *(facts[name] for name in COUNTED_TOGETHER[limit.by])])
        for limit in limits
    }
    numbers = (
        int.from_bytes(hashlib.sha256(f"limit:{key}".encode()).digest()[:8], signed=True)
        for key in keys
    )
    # In order, so that two uses can't each hold what the other waits for.
    for number in sorted(numbers):
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
