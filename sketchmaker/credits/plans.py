"""Plans on offer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from sketchmaker.credits.errors import UnknownPlan
from sketchmaker.credits.tables import SubscriptionPlanModel

FREE_PLAN = "free"


@dataclass(frozen=True, slots=True)
class DefaultPlan:
    """A plan that a new installation starts with."""

    name: str
    display_name: str
    monthly_credits: int
    description: str
    features: tuple[str, ...]


# Names, credits and features are the setup guide's.
DEFAULT_PLANS = (
    DefaultPlan(
        FREE_PLAN,
        "Free",
        10,
        "To try things out, or for light use.",
        ("10 images per month", "Basic models", "Standard resolution"),
    ),
    DefaultPlan(
        "premium",
        "Premium",
        100,
        "For people who make images every week.",
        ("100 images per month", "Access to all models", "High resolution", "LoRA training"),
    ),
    DefaultPlan(
        "pro",
        "Pro",
        1000,
        "For power users and businesses.",
        ("1,000 images per month", "Ultra-high resolution", "API access", "Priority support"),
    ),
)


def ensure_default_plans(session: Session, *, now: datetime) -> int:
    """Create the default plans that are missing, and change none. How many were made."""
    present = set(session.scalars(select(SubscriptionPlanModel.name)))
    missing = [plan for plan in DEFAULT_PLANS if plan.name not in present]
    session.add_all(
        SubscriptionPlanModel(
            name=plan.name,
            display_name=plan.display_name,
            monthly_credits=plan.monthly_credits,
            description=plan.description,
            features=list(plan.features),
            created_at=now,
            updated_at=now,
        )
        for plan in missing
    )
    session.flush()  # the caller may look a plan up by query right away
    return len(missing)


def active_plans(session: Session) -> list[SubscriptionPlanModel]:
    """The plans on offer, smallest allowance first."""
    return list(
        session.scalars(
            select(SubscriptionPlanModel)
            .where(SubscriptionPlanModel.is_active.is_(true()))
            .order_by(SubscriptionPlanModel.monthly_credits, SubscriptionPlanModel.id)
        )
    )


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


def display_name_of(session: Session, plan_id: int) -> str:
    """What people call the plan of that number."""
    return session.execute(
        select(SubscriptionPlanModel.display_name).where(SubscriptionPlanModel.id == plan_id)
    ).scalar_one()
