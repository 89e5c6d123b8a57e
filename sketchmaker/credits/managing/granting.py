"""Bonus credits: grants that survive resets, with an expiry or without."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, present
from sketchmaker.credits.grants import HAS_CREDITS_LEFT
from sketchmaker.credits.rows import managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rules.actions import GRANT_ACTION
from sketchmaker.credits.rules.amounts import checked_amount, checked_reason
from sketchmaker.credits.rules.errors import InvalidGrant, NoActiveSubscription
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import GRANTS, CreditGrant
from sketchmaker.record.actor import Actor

KINDS = ("admin", "promotion", "correction")
"""What a grant can be given as; the kind `refund` is what `refunds` gives."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it was made."""

    id: int
    credits: int
    expires_at: datetime | None
    available: int
    replayed: bool = field(default=False, compare=False)


@in_utc
def grant(
    session: Session,
    *,
    user_id: int,
    credits: int,
    kind: str,
    reason: str,
    now: datetime,
    by: Actor,
    expires_at: datetime | None = None,
) -> Grant:
    """Give the user credits that are kept after the reset; until `expires_at`, or for good.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        TooManyGranted: beyond what the grants of one person may have together.
        InvalidGrant: an unknown kind, or an expiry that is not in the future.
        ReasonMissing: no reason.
        NoActiveSubscription: the user has no plan.
    """
    amount, why = checked_amount(credits), checked_reason(reason)
    _check(kind, expires_at, now)
    before = _receiving(session, user_id, now)
    grants.check_room(before.bonus, amount)
    row = grants.add(
        session,
        user_id=user_id,
        kind=kind,
        credits_granted=amount,
        reason=why,
        granted_by_id=by.account_id,
        expires_at=expires_at,
        created_at=now,
    )
    bonus = grants.resummed(session, before.bonus, user_id, remaining=amount)
    after = replace(before, bonus=bonus)
    managed.move_and_note(
        session, before, after, Decision(by, why, now), action=GRANT_ACTION, details=_facts(row)
    )
    return Grant(row.id, amount, expires_at, after.available)


@in_utc
def expire_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """End the grants of up to `limit` users whose time is over, of those who left as well.

    Returns how many credits expired.
    """
    due = session.scalars(
        select(GRANTS.c.user_id)
        .where(HAS_CREDITS_LEFT, GRANTS.c.expires_at <= now)
        .group_by(GRANTS.c.user_id)
        .order_by(GRANTS.c.user_id)
        .limit(limit)
    ).all()
    return sum(grants.expire_of_user(session, user_id=user_id, now=now) for user_id in due)


def _receiving(session: Session, user_id: int, now: datetime) -> state.State:
    """The user's active subscription, locked; also one whose reset is suspended."""
    found = state.of_user(session, user_id)
    if found is None:
        raise NoActiveSubscription(user_id)
    return present.best_effort(session, found, now=now)


def _facts(grant: CreditGrant) -> dict[str, Any]:
    return {
        "grant": grant.id,
        "kind": grant.kind,
        "reason": grant.reason,
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
    }


def _check(kind: str, expires_at: datetime | None, now: datetime) -> None:
    if kind not in KINDS:
        raise InvalidGrant(f"{kind!r} is not a kind of grant: take one of {', '.join(KINDS)}.")
    if expires_at is not None and expires_at <= now:
        raise InvalidGrant(f"The grant would expire at {expires_at.isoformat()}: that has passed.")
