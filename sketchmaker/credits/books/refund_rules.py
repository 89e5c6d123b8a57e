"""Rules for refunds and the spends they refund, and for what voids and refunds say of grants."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books.sweeps import GRANT, LEDGER_ROW, Rule, Sweep, within
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.rules import actions
from sketchmaker.credits.spending import refunds
from sketchmaker.credits.tables import GRANTS, LEDGER

ROW = LEDGER.c


@cache
def refund_sweep() -> Sweep:
    """B33 for rows of the ledger: refunds, and spends that were refunded."""
    spend, given = LEDGER.alias("spend"), _refunds()
    source = LEDGER.outerjoin(spend, spend.c.id == ROW.refund_of_id).outerjoin(
        given, given.c.refund_of_id == ROW.id
    )
    is_refund = ROW.refund_of_id.is_not(None)
    rules = [
        Rule("B33", is_refund != (ROW.action == actions.REFUND_ACTION),
             "A refund, and no other row, names a spend.", "a refund", ROW.action),
        Rule("B33", _elsewhere(is_refund, spend.c),
             "The refund is of another subscription or cycle than its spend.",
             spend.c.cycle, ROW.cycle),
        Rule("B33", and_(is_refund, _wrong_shape()),
             "A refund gives back what it says at the most.", -ROW.credits_used, ROW.credits_delta),
        Rule("B33", given.c.credits > ROW.credits_used,
             "More was refunded than it took.", ROW.credits_used, given.c.credits),
        Rule("B33", given.c.counted != given.c.credits,
             "The refunds of it were not counted one after the other.",
             given.c.credits, given.c.counted),
    ]  # fmt: skip
    return Sweep(LEDGER_ROW, ROW.id, source, rules)


def _refunds() -> Subquery:
    """By spend: the credits of all its refunds, and what the last of them knew of."""
    return (
        select(
            ROW.refund_of_id,
            func.sum(-ROW.credits_used).label("credits"),
            func.max(ROW.refunded_before - ROW.credits_used).label("counted"),
        )
        .where(within(ROW.refund_of_id))
        .group_by(ROW.refund_of_id)
        .subquery("refunds")
    )


def _elsewhere(is_refund: ColumnElement[bool], spend: Any) -> ColumnElement[bool]:
    return and_(
        is_refund,
        or_(
            spend.id.is_(None),
            spend.credits_used <= 0,
            spend.subscription_id != ROW.subscription_id,
            spend.cycle != ROW.cycle,
        ),
    )


def _wrong_shape() -> ColumnElement[bool]:
    delta, bonus = ROW.credits_delta, ROW.bonus_delta
    return or_(bonus < 0, delta < bonus, delta > -ROW.credits_used)


def check_named_grants(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B21 for grants that refunds gave, and B34; by user."""
    span = {"above": low, "up_to": high}
    told = select(ROW.action, ROW.metadata).where(
        within(ROW.user_id),
        ROW.action.in_((actions.REFUND_ACTION, actions.GRANT_VOID_ACTION)),
    )
    given: dict[Any, Any] = {}
    voided: set[Any] = set()
    for row in session.execute(told, span):
        if row.action == actions.GRANT_VOID_ACTION:
            voided.add(row.metadata.get("grant"))
        elif row.metadata.get("granted"):
            given[row.metadata.get("grant")] = row.metadata["granted"]
    query = select(GRANTS.c.id, GRANTS.c.kind, GRANTS.c.credits_granted, GRANTS.c.voided_at)
    for grant in session.execute(query.where(within(GRANTS.c.user_id)), span):
        subject, is_voided = Subject(GRANT, grant.id), grant.voided_at is not None
        by_refund = grant.credits_granted if grant.kind == refunds.KIND else None
        if given.get(grant.id) != by_refund:
            sentence = "The ledger tells of another refund than gave the grant."
            yield Violation("B21", subject, sentence, given.get(grant.id), by_refund)
        if is_voided != (grant.id in voided):
            sentence = "A grant is voided when the ledger says so, and only then."
            yield Violation("B34", subject, sentence, grant.id in voided, is_voided)
