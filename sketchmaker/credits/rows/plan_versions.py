"""What plans give: the version on sale, the version that is held, and what one person has instead.

The rule is in `rules.plan_terms`. Here it is kept in `plan_terms`, and asked for subscriptions one
by one; a mass reset joins the same rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.rules.plan_terms import NEWCOMER, terms_of
from sketchmaker.credits.tables.plan_versions import OVERRIDES, TERMS, PlanVersion
from sketchmaker.credits.tables.plans import SubscriptionPlanModel

FIRST = 1
"""The version of a plan that was never edited: its own columns."""


@dataclass(frozen=True, slots=True)
class PlanInEffect:
    """What a plan gives to somebody: which version, how many credits a month, which features."""

    id: int
    name: str
    display_name: str
    version: int
    monthly_credits: int
    features: Features


class OnPlan(Protocol):
    """Somebody on a plan: a row of subscriptions, or its `State`."""

    @property
    def id(self) -> int: ...
    @property
    def plan_id(self) -> int: ...
    @property
    def plan_version(self) -> int: ...
    @property
    def next_plan_id(self) -> int | None: ...


class Plans:
    """All plans with their versions, and what some people have instead; read once, then asked."""

    def __init__(
        self,
        plans: Sequence[SubscriptionPlanModel],
        versions: Sequence[PlanVersion],
        terms: Sequence[Row[Any]],
        overrides: Sequence[Row[Any]],
    ) -> None:
        self._plans = {plan.id: plan for plan in plans}
        self._versions = {(each.plan_id, each.number): each for each in versions}
        self._terms = terms
        self._overrides = {each.subscription_id: each for each in overrides}

    @classmethod
    def read(cls, session: Session, subscription_ids: Collection[int] = ()) -> Self:
        """What is needed for these subscriptions, and for whoever comes to a plan."""
        own = select(OVERRIDES).where(OVERRIDES.c.subscription_id.in_(subscription_ids))
        return cls(
            session.scalars(select(SubscriptionPlanModel)).all(),
            session.scalars(select(PlanVersion)).all(),
            session.execute(select(TERMS)).all(),
            session.execute(own).all() if subscription_ids else (),
        )

    def on_sale(self, plan_id: int, at: datetime) -> PlanInEffect:
        """What somebody gets who comes to the plan at that instant."""
        return self.version_of(plan_id, self._number(plan_id, NEWCOMER, at))

    def arrived_on(self, somebody: OnPlan, plan_id: int, at: datetime) -> PlanInEffect:
        """What this person gets who comes to the plan, or takes its version on sale."""
        return self._with_own(somebody, self.on_sale(plan_id, at), at)

    def held_by(self, somebody: OnPlan, at: datetime) -> PlanInEffect:
        """What this person's plan gives them in their present cycle."""
        held = self.version_of(somebody.plan_id, somebody.plan_version)
        return self._with_own(somebody, held, at)

    def after_reset(self, somebody: OnPlan, boundary: datetime) -> PlanInEffect:
        """What this person gets at a reset that is due at that boundary."""
        if somebody.next_plan_id is not None:
            return self.arrived_on(somebody, somebody.next_plan_id, boundary)
        number = self._number(somebody.plan_id, somebody.plan_version, boundary)
        return self._with_own(somebody, self.version_of(somebody.plan_id, number), boundary)

    def _number(self, plan_id: int, held: int, at: datetime) -> int:
        for term in self._terms:
            if (term.plan_id, term.held) == (plan_id, held) and term.starts_at <= at < term.ends_at:
                return int(term.number)
        return FIRST

    def version_of(self, plan_id: int, number: int) -> PlanInEffect:
        """What a version of a plan gives to everybody who holds it."""
        plan = self._plans[plan_id]
        # A plan that was never edited has no versions.
        given = self._versions.get((plan_id, number), plan)
        return PlanInEffect(
            id=plan_id,
            name=plan.name,
            display_name=plan.display_name,
            version=number,
            monthly_credits=given.monthly_credits,
            features=given.included,
        )

    def _with_own(self, somebody: OnPlan, plan: PlanInEffect, at: datetime) -> PlanInEffect:
        own = self._overrides.get(somebody.id)
        if own is None or own.plan_id != plan.id or own.ends_at <= at:
            return plan
        own_credits, own_features = own.monthly_credits, own.features
        return replace(
            plan,
            monthly_credits=plan.monthly_credits if own_credits is None else own_credits,
            features=plan.features if own_features is None else features_from(own_features),
        )


def versions_of(session: Session, plan_id: int) -> list[PlanVersion]:
    """The plan's versions by number; none when it was never edited."""
    query = select(PlanVersion).where(PlanVersion.plan_id == plan_id)
    return list(session.scalars(query.order_by(PlanVersion.number)))


def revision_of(session: Session, plan: SubscriptionPlanModel, now: datetime) -> int:
    """The plan's changes so far: those made by somebody, and planned ones that have begun."""
    begun = [v for v in versions_of(session, plan.id) if v.created_at < v.starts_at <= now]
    return plan.revision + len(begun)


def rewrite_terms(session: Session, plan_id: int) -> None:
    """Write the plan's terms anew, after its versions have changed."""
    versions = {version.number: version for version in versions_of(session, plan_id)}
    session.execute(delete(TERMS).where(TERMS.c.plan_id == plan_id))
    rows = term_rows(plan_id, versions)
    if rows:
        session.execute(insert(TERMS), rows)


def term_rows(plan_id: int, versions: Mapping[int, PlanVersion]) -> list[dict[str, Any]]:
    """The rows of `plan_terms` that these versions of a plan make."""
    return [
        {
            "plan_id": plan_id,
            "held": term.held,
            "number": term.number,
            "starts_at": term.starts_at,
            "ends_at": term.ends_at,
            "monthly_credits": versions[term.number].monthly_credits,
        }
        for term in terms_of(list(versions.values()))
    ]
