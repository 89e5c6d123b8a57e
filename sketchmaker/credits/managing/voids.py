"""Voiding a grant: what is left of it is taken back, and nothing of it comes back later.

Credits of the grant that are used stay used. What is held of it may still be charged; but what of
that is not charged is voided when its hold ends, and not given back.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, present
from sketchmaker.credits.rows import managed
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rules.actions import GRANT_VOID_ACTION
from sketchmaker.credits.rules.amounts import checked_reason
from sketchmaker.credits.rules.errors import ChangedMeanwhile, GrantNotFound, NothingToChange
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import GRANTS
from sketchmaker.record.actor import Actor


@dataclass(frozen=True, slots=True)
class Void:
    """A grant was voided: credits taken back, those of it still held, and what is available."""

    credits: int
    held: int
    available: int
    replayed: bool = field(default=False, compare=False)


@in_utc
def void(session: Session, *, grant_id: int, reason: str, now: datetime, by: Actor) -> Void:
    """Take back what is left of the grant, also from somebody whose subscription has ended.

    Raises:
        GrantNotFound: no such grant.
        ReasonMissing: no reason.
        NothingToChange: it is used up, has expired or was voided before.
    """
    why = checked_reason(reason)
    before = present.of_grants(session, _grant(session, grant_id).user_id, now=now)
    grant = _grant(session, grant_id)
    if grant.voided_at is not None:
        raise NothingToChange("The grant was voided before.")
    if not grant.credits_remaining + grant.credits_held:
        raise NothingToChange("Nothing is left of the grant.")
    _mark(session, grant, now)
    bonus = grants.resummed(
        session, before.bonus, before.user_id, remaining=-grant.credits_remaining
    )
    after = replace(before, bonus=bonus)
    details = {
        "grant": grant_id,
        "voided": grant.credits_remaining,
        "held": grant.credits_held,
        "reason": why,
    }
    managed.move_and_note(
        session, before, after, Decision(by, why, now), action=GRANT_VOID_ACTION, details=details
    )
    return Void(grant.credits_remaining, grant.credits_held, after.available)


@in_utc
def void_all(session: Session, *, user_id: int, reason: str, now: datetime, by: Actor) -> None:
    """Void every grant of the user that has credits left.

    Raises:
        ReasonMissing: no reason.
    """
    present.of_grants(session, user_id, now=now)
    left = select(GRANTS.c.id).where(GRANTS.c.user_id == user_id, grants.HAS_CREDITS_LEFT)
    for grant_id in session.scalars(left.order_by(GRANTS.c.id)).all():
        void(session, grant_id=grant_id, reason=reason, now=now, by=by)


def _grant(session: Session, grant_id: int) -> Row[*tuple[object, ...]]:
    grant = session.execute(select(GRANTS).where(GRANTS.c.id == grant_id)).first()
    if grant is None:
        raise GrantNotFound(grant_id)
    return grant


def _mark(session: Session, grant: Row[*tuple[object, ...]], now: datetime) -> None:
    marked = session.execute(
        update(GRANTS)
        .where(
            GRANTS.c.id == grant.id,
            GRANTS.c.voided_at.is_(None),
            GRANTS.c.credits_remaining == grant.credits_remaining,
        )
        .values(
            credits_remaining=0,
            credits_voided=grant.credits_remaining,
            voided_at=now,
        )
    )
    if marked.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise ChangedMeanwhile(grant.user_id)
