"""What the console shows of one person: their credits and how they came about, across contexts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.errors import UserNotFound
from sketchmaker.accounts.tables import User
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.reading.waterfall import StepKind, Waterfall, waterfall
from sketchmaker.credits.rules.actions import (
    ADJUSTMENT_ACTION,
    ALLOWANCE_ACTIONS,
    CORRECTION_ACTION,
    PLAN_ACTION,
    REACTIVATION_ACTION,
    START_ACTION,
)
from sketchmaker.credits.rules.cycle import upcoming_resets
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.tables import CreditGrant, UsageHistory, UserSubscription
from sketchmaker.studio.tables import Generation

RESETS_AHEAD: Final = 24
"""How many of the resets to come a person's page lists."""

ROWS_OF_STEP: Final[Mapping[StepKind, ColumnElement[bool]]] = MappingProxyType(
    {
        StepKind.ALLOWANCE: UsageHistory.action.in_(
            (*ALLOWANCE_ACTIONS, START_ACTION, PLAN_ACTION, REACTIVATION_ACTION)
        ),
        StepKind.TAKEN_BACK: UsageHistory.action.in_((ADJUSTMENT_ACTION, CORRECTION_ACTION)),
        StepKind.USED: UsageHistory.credits_used != 0,
        StepKind.BONUS: UsageHistory.bonus_delta != 0,
    }
)
"""Which rows of the ledger stand behind a step of the balance. Holds have none before they end."""


@dataclass(frozen=True, slots=True)
class PersonReport:
    """One person as of now; `statement` and `steps` are None for somebody without a plan."""

    user: User
    statement: Statement | None
    steps: Waterfall | None
    plan_since: datetime | None
    resets_ahead: tuple[datetime, ...]
    grants: tuple[CreditGrant, ...]
    generations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Rows of a person's ledger, newest first; `older_before` is the id to go on from, if any."""

    rows: tuple[UsageHistory, ...]
    older_before: int | None


def person(session: Session, user_id: int, *, now: datetime) -> PersonReport:
    """The person of that number.

    Raises:
        UserNotFound: there is none.
    """
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound(user_id)
    own = statement_of(session, user_id, now=now)
    return PersonReport(
        user=user,
        statement=own,
        steps=waterfall(own) if own else None,
        plan_since=_plan_since(session, own),
        resets_ahead=_resets_ahead(own),
        grants=_grants_left(session, user_id, now),
        generations=_generations(session, user_id),
    )


def statement_of(session: Session, user_id: int, *, now: datetime) -> Statement | None:
    """The person's subscription as of `now`; None without a plan."""
    try:
        return statement_for(session, user_id, now=now)
    except NoActiveSubscription:
        return None


def ledger_page(
    session: Session,
    user_id: int,
    *,
    limit: int,
    before_id: int | None = None,
    step: StepKind | None = None,
    own: Statement | None = None,
) -> LedgerPage:
    """Rows of the ledger before a row; of `step` only those of the statement's cycle behind it."""
    query = select(UsageHistory).where(UsageHistory.user_id == user_id)
    if before_id is not None:
        query = query.where(UsageHistory.id < before_id)
    if step is not None and step in ROWS_OF_STEP and own is not None:
        query = query.where(
            UsageHistory.subscription_id == own.subscription_id,
            UsageHistory.cycle == own.cycle,
            ROWS_OF_STEP[step],
        )
    found = session.scalars(query.order_by(UsageHistory.id.desc()).limit(limit + 1)).all()
    rows = tuple(found[:limit])
    return LedgerPage(rows, rows[-1].id if len(found) > limit else None)


def _plan_since(session: Session, own: Statement | None) -> datetime | None:
    if own is None:
        return None
    return session.get_one(UserSubscription, own.subscription_id).subscription_start


def _resets_ahead(own: Statement | None) -> tuple[datetime, ...]:
    """The next reset as it is scheduled, and then the regular ones."""
    if own is None:
        return ()
    regular = upcoming_resets(own.anchor, own.time_zone, own.regular_reset, RESETS_AHEAD - 1)
    return (own.next_reset, *regular)


def _grants_left(session: Session, user_id: int, now: datetime) -> tuple[CreditGrant, ...]:
    """The grants that something is left of, in the order in which they burn."""
    grants = session.scalars(
        select(CreditGrant)
        .where(
            CreditGrant.user_id == user_id,
            CreditGrant.credits_remaining > 0,
            (CreditGrant.expires_at > now) | CreditGrant.expires_at.is_(None),
        )
        .order_by(CreditGrant.expires_at.is_(None), CreditGrant.expires_at, CreditGrant.id)
    )
    return tuple(grants)


def _generations(session: Session, user_id: int) -> Mapping[str, int]:
    """How many generations the person has, by what became of them."""
    rows = session.execute(
        select(Generation.state, func.count())
        .where(Generation.user_id == user_id)
        .group_by(Generation.state)
    )
    return {str(state): number for state, number in rows}
