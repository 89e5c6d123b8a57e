"""Plans: which are on offer, and which of them is the default.

The default plan is the one that new accounts get, and that a subscription falls back to when it
ends at its next reset. There is one, and it is always on offer; the database itself sees to both.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true, update
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.errors import NoDefaultPlan, PlanIsDefault, UnknownPlan
from sketchmaker.credits.rules.features import ALL_MODELS, BASIC_MODELS, Feature, Features
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables.plans import IS_DEFAULT, SubscriptionPlanModel
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record

FREE_PLAN = "free"


@dataclass(frozen=True, slots=True)
class DefaultPlan:
    """A plan that a new installation starts with."""

    name: str
    display_name: str
    monthly_credits: int
    description: str
    features: Features


def _features(*rows: tuple[str, object]) -> Features:
    return Features(tuple(Feature(name, value) for name, value in rows))


# Names, credits and features are the setup guide's.
DEFAULT_PLANS = (
    DefaultPlan(
        FREE_PLAN,
        "Free",
        10,
        "To try things out, or for light use.",
        _features(("models", BASIC_MODELS), ("resolution", "standard"), ("images_at_once", 4)),
    ),
    DefaultPlan(
        "premium",
        "Premium",
        100,
        "For people who make images every week.",
        _features(
            ("models", ALL_MODELS),
            ("resolution", "high"),
            ("images_at_once", 4),
            ("lora_training", True),
        ),
    ),
    DefaultPlan(
        "pro",
        "Pro",
        1000,
        "For power users and businesses.",
        _features(
            ("models", ALL_MODELS),
            ("resolution", "ultra"),
            ("images_at_once", 4),
            ("lora_training", True),
            ("api_access", True),
            ("priority", True),
        ),
    ),
)


@in_utc
def ensure_default_plans(session: Session, *, now: datetime, by: Actor, reason: str) -> int:
    """Create the plans that are missing, and return how many were made.

    If no plan is the default, `free` becomes it, and is on offer from then on. No plan is changed
    otherwise.
    """
    present = set(session.scalars(select(SubscriptionPlanModel.name)))
    missing = [plan for plan in DEFAULT_PLANS if plan.name not in present]
    for plan in missing:
        _make(session, plan, now=now, by=by, reason=reason)
    if session.scalar(select(SubscriptionPlanModel.id).where(IS_DEFAULT)) is None:
        activate(session, plan_name=FREE_PLAN, now=now, by=by, reason=reason)
        choose_default(session, plan_name=FREE_PLAN, now=now, by=by, reason=reason)
    return len(missing)


def _make(session: Session, plan: DefaultPlan, *, now: datetime, by: Actor, reason: str) -> None:
    facts = {"name": plan.name, "monthly_credits": plan.monthly_credits}
    made = SubscriptionPlanModel(
        **facts,
        display_name=plan.display_name,
        description=plan.description,
        features=plan.features.stored(),
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    session.flush()  # the caller may look a plan up by query right away
    subject = Subject("plan", made.id, plan.display_name)
    record(session, by, "plan_made", subject, before=None, after=facts, reason=reason, now=now)


def active_plans(session: Session) -> list[SubscriptionPlanModel]:
    """The plans on offer, smallest allowance first."""
    return list(
        session.scalars(
            select(SubscriptionPlanModel)
            .where(SubscriptionPlanModel.is_active.is_(true()))
            .order_by(SubscriptionPlanModel.monthly_credits, SubscriptionPlanModel.id)
        )
    )


def every_plan(session: Session) -> list[SubscriptionPlanModel]:
    """All plans, on offer or not, smallest allowance first."""
    order = (SubscriptionPlanModel.monthly_credits, SubscriptionPlanModel.id)
    return list(session.scalars(select(SubscriptionPlanModel).order_by(*order)))


def active_plan(session: Session, name: str) -> SubscriptionPlanModel:
    """The plan on offer that has this name.

    Raises:
        UnknownPlan: there is none, or it is not active.
    """
    plan = session.scalar(
        select(SubscriptionPlanModel).where(
            SubscriptionPlanModel.name == name, SubscriptionPlanModel.is_active.is_(true())
        )
    )
    if plan is None:
        raise UnknownPlan(name)
    return plan


def any_plan(session: Session, name: str) -> SubscriptionPlanModel:
    """The plan that has this name, on offer or not.

    Raises:
        UnknownPlan: there is none.
    """
    plan = session.scalar(select(SubscriptionPlanModel).where(SubscriptionPlanModel.name == name))
    if plan is None:
        raise UnknownPlan(name)
    return plan


def display_name_of(session: Session, plan_id: int) -> str:
    """What people call the plan of that number."""
    return session.execute(
        select(SubscriptionPlanModel.display_name).where(SubscriptionPlanModel.id == plan_id)
    ).scalar_one()


def default_plan(session: Session) -> SubscriptionPlanModel:
    """Return the plan that new accounts get.

    Raises:
        NoDefaultPlan: nobody has set this installation up.
    """
    plan = session.scalar(select(SubscriptionPlanModel).where(IS_DEFAULT))
    if plan is None:
        raise NoDefaultPlan
    return plan


@in_utc
def choose_default(
    session: Session, *, plan_name: str, now: datetime, by: Actor, reason: str
) -> None:
    """Make the plan the default one, in the place of the one that is.

    Raises:
        UnknownPlan: no plan on offer has that name.
    """
    plan = locked_plan(session, plan_name)
    if not plan.is_active:
        raise UnknownPlan(plan_name)
    if plan.is_default:
        return
    session.execute(
        update(SubscriptionPlanModel).where(IS_DEFAULT).values(is_default=False, updated_at=now)
    )
    plan.is_default, plan.updated_at = True, now
    plan.revision += 1
    session.flush()
    _note(session, plan, "plan_made_default", {"is_default": True}, by=by, reason=reason, now=now)


@in_utc
def activate(session: Session, *, plan_name: str, now: datetime, by: Actor, reason: str) -> None:
    """Put the plan on offer.

    Raises:
        UnknownPlan: no plan has that name.
    """
    plan = locked_plan(session, plan_name)
    _switch(session, plan, is_active=True, now=now, by=by, reason=reason)


@in_utc
def deactivate(session: Session, *, plan_name: str, now: datetime, by: Actor, reason: str) -> None:
    """Take the plan off offer. Whoever is on it stays, and is reset as before.

    Raises:
        UnknownPlan: no plan has that name.
        PlanIsDefault: it is the default plan; another must become it first.
    """
    plan = locked_plan(session, plan_name)
    if plan.is_default:
        raise PlanIsDefault(plan.display_name)
    _switch(session, plan, is_active=False, now=now, by=by, reason=reason)


def _switch(
    session: Session,
    plan: SubscriptionPlanModel,
    *,
    is_active: bool,
    now: datetime,
    by: Actor,
    reason: str,
) -> None:
    if plan.is_active == is_active:
        return
    plan.is_active, plan.updated_at = is_active, now
    plan.revision += 1
    session.flush()
    done = "plan_put_on_offer" if is_active else "plan_taken_off_offer"
    _note(session, plan, done, {"is_active": is_active}, by=by, reason=reason, now=now)


def _note(
    session: Session,
    plan: SubscriptionPlanModel,
    action: str,
    after: dict[str, bool],
    *,
    by: Actor,
    reason: str,
    now: datetime,
) -> None:
    before = {name: not value for name, value in after.items()}
    subject = Subject("plan", plan.id, plan.display_name)
    record(session, by, action, subject, before=before, after=after, reason=reason, now=now)


def locked_plan(session: Session, name: str) -> SubscriptionPlanModel:
    """Return the plan, with all plans locked: they are few, and two changes must not cross."""
    plans = session.scalars(
        select(SubscriptionPlanModel)
        .order_by(SubscriptionPlanModel.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for plan in plans:
        if plan.name == name:
            return plan
    raise UnknownPlan(name)
