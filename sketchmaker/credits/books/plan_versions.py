"""Rules of what plans give: terms are those of the versions, and people hold versions that are."""

from collections.abc import Iterator

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books.sweeps import PLAN, SUBSCRIPTION, within
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.rows.plan_versions import FIRST, term_rows, versions_of
from sketchmaker.credits.tables import PLANS, SUBSCRIPTIONS
from sketchmaker.credits.tables.plan_versions import TERMS, VERSIONS

ROW = SUBSCRIPTIONS.c


def check_terms(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B36: the terms by which resets go are those that the plan's versions make."""
    plans = select(PLANS.c.id).where(within(PLANS.c.id))
    for plan_id in session.scalars(plans, {"above": low, "up_to": high}).all():
        versions = {version.number: version for version in versions_of(session, plan_id)}
        found = session.execute(select(TERMS).where(TERMS.c.plan_id == plan_id)).mappings().all()
        expected = _in_order(term_rows(plan_id, versions))
        if _in_order([dict(term) for term in found]) != expected:
            yield Violation(
                "B36",
                Subject(PLAN, plan_id),
                "The terms of the plan are not those of its versions.",
                f"{len(expected)} terms",
                f"{len(found)} others",
            )


def check_held_versions(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B37: a subscription holds a version that its plan has."""
    is_there = exists().where(
        VERSIONS.c.plan_id == ROW.plan_id, VERSIONS.c.number == ROW.plan_version
    )
    lost = select(ROW.id, ROW.plan_version).where(
        within(ROW.id), ROW.plan_version != FIRST, ~is_there
    )
    for row in session.execute(lost, {"above": low, "up_to": high}).all():
        yield Violation(
            "B37",
            Subject(SUBSCRIPTION, row.id),
            "It holds a version that its plan does not have.",
            "one of the plan's versions",
            row.plan_version,
        )


def _in_order(terms: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return sorted(
        tuple(term[name] for name in ("held", "starts_at", "ends_at", "number", "monthly_credits"))
        for term in terms
    )
