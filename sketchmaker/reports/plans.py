"""All plans, with how many people are on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from sketchmaker.credits.rows.plan_versions import revision_of, versions_of
from sketchmaker.credits.rows.plans import any_plan
from sketchmaker.credits.tables import IS_ACTIVE, SubscriptionPlanModel, UserSubscription
from sketchmaker.credits.tables.plan_versions import PlanVersion


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan, and how many people are on it."""

    plan: SubscriptionPlanModel
    subscribers: int


@dataclass(frozen=True, slots=True)
class PlanReport:
    """One plan with its versions, the newest first; those in `planned` have not begun.

    `is_in_use`: it can't be deleted, because somebody has or had it, or waits for it.
    """

    plan: SubscriptionPlanModel
    revision: int
    subscribers: int
    versions: Sequence[PlanVersion]
    planned: frozenset[int]
    is_in_use: bool


def all_plans(session: Session) -> tuple[PlanRow, ...]:
    """Every plan, those on offer first, each of them by its allowance."""
    rows = session.execute(
        select(SubscriptionPlanModel, func.count(UserSubscription.id))
        .outerjoin(
            UserSubscription,
            and_(UserSubscription.plan_id == SubscriptionPlanModel.id, IS_ACTIVE),
        )
        .group_by(SubscriptionPlanModel.id)
        .order_by(
            SubscriptionPlanModel.is_active.desc(),
            SubscriptionPlanModel.monthly_credits,
            SubscriptionPlanModel.id,
        )
    )
    return tuple(PlanRow(plan, count) for plan, count in rows)


def one_plan(session: Session, name: str, *, now: datetime) -> PlanReport:
    """The plan of that name, on offer or not.

    Raises:
        UnknownPlan: there is none.
    """
    plan = any_plan(session, name)
    on_it = select(func.count()).where(UserSubscription.plan_id == plan.id, IS_ACTIVE)
    versions = versions_of(session, plan.id)
    return PlanReport(
        plan=plan,
        revision=revision_of(session, plan, now),
        subscribers=session.scalar(on_it) or 0,
        versions=versions[::-1],
        planned=frozenset(each.number for each in versions if each.starts_at > now),
        is_in_use=_is_in_use(session, plan.id),
    )


def _is_in_use(session: Session, plan_id: int) -> bool:
    row = UserSubscription
    has_it = or_(row.plan_id == plan_id, row.next_plan_id == plan_id)
    return bool(session.scalar(select(exists().where(has_it))))
