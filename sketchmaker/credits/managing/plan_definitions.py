"""Plans made, described and deleted. What they give is edited in `plan_edits`."""

import re
from datetime import datetime
from typing import Final

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.rows.plan_versions import revision_of
from sketchmaker.credits.rows.plans import locked_plan
from sketchmaker.credits.rules.amounts import checked_allowance
from sketchmaker.credits.rules.errors import NothingToChange, PlanIsDefault
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.plan_errors import (
    InvalidPlanWords,
    PlanChangedMeanwhile,
    PlanInUse,
    PlanNameTaken,
)
from sketchmaker.credits.tables import SUBSCRIPTIONS, SubscriptionPlanModel
from sketchmaker.credits.tables.plan_versions import OVERRIDES, TERMS, VERSIONS
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
MAX_DISPLAY_NAME, MAX_DESCRIPTION = 100, 1000


@in_utc
def create(
    session: Session,
    *,
    name: str,
    display_name: str,
    description: str,
    monthly_credits: int,
    features: Features,
    by: Actor,
    reason: str,
    now: datetime,
) -> SubscriptionPlanModel:
    """Make a plan that is not on sale yet; `plans.activate` puts it there.

    Raises:
        PlanNameTaken, InvalidPlanWords, InvalidAmount, InvalidFeatures: it can't be made so.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    if not NAME.fullmatch(name):
        raise InvalidPlanWords("A plan's name has up to 50 letters a to z, digits and hyphens.")
    plan = SubscriptionPlanModel(
        name=name,
        display_name=_checked(display_name, "name shown", MAX_DISPLAY_NAME),
        description=_checked(description, "description", MAX_DESCRIPTION, may_be_empty=True),
        monthly_credits=checked_allowance(monthly_credits),
        features=features_from(features.stored()).stored(),
        is_active=False,
        created_at=now,
        updated_at=now,
    )
    try:
        with session.begin_nested():
            session.add(plan)
    except IntegrityError as error:
        raise PlanNameTaken(name) from error
    after = {**_words(plan), "monthly_credits": monthly_credits, "features": plan.features}
    subject = Subject("plan", plan.id, plan.display_name)
    record(session, by, "plan_made", subject, before=None, after=after, reason=reason, now=now)
    return plan


@in_utc
def describe(
    session: Session,
    *,
    plan_name: str,
    display_name: str,
    description: str,
    by: Actor,
    reason: str,
    now: datetime,
    seen: int | None = None,
) -> None:
    """Call the plan something else, at once and for everybody; `seen` as in `plan_edits.apply`.

    Raises:
        UnknownPlan, PlanChangedMeanwhile, InvalidPlanWords, NothingToChange.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    plan = locked_plan(session, plan_name)
    revision = revision_of(session, plan, now)
    if seen not in {None, revision}:
        raise PlanChangedMeanwhile(plan.display_name, seen or 0, revision)
    subject, before = Subject("plan", plan.id, plan.display_name), _words(plan)
    plan.display_name = _checked(display_name, "name shown", MAX_DISPLAY_NAME)
    plan.description = _checked(description, "description", MAX_DESCRIPTION, may_be_empty=True)
    if _words(plan) == before:
        raise NothingToChange("The plan is called that already.")
    plan.revision += 1
    plan.updated_at = now
    session.flush()
    after = _words(plan)
    record(
        session,
        by,
        "plan_described",
        subject,
        before=before,
        after=after,
        reason=reason,
        now=now,
    )


@in_utc
def remove(session: Session, *, plan_name: str, by: Actor, reason: str, now: datetime) -> None:
    """Delete a plan that nobody was ever on. Others can be taken off sale: `plans.deactivate`.

    Raises:
        UnknownPlan: no plan has that name.
        PlanIsDefault: new accounts get it.
        PlanInUse: somebody is or was on it, or waits for it.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    plan = locked_plan(session, plan_name)
    if plan.is_default:
        raise PlanIsDefault(plan.display_name)
    row = SUBSCRIPTIONS.c
    if session.scalar(
        select(exists().where(or_(row.plan_id == plan.id, row.next_plan_id == plan.id)))
    ):
        raise PlanInUse(plan.display_name)
    subject, before = Subject("plan", plan.id, plan.display_name), _words(plan)
    try:
        with session.begin_nested():
            for table in (TERMS, VERSIONS, OVERRIDES):
                session.execute(delete(table).where(table.c.plan_id == plan.id))
            session.delete(plan)
    except IntegrityError as error:  # somebody joined it just now
        raise PlanInUse(subject.name) from error
    record(session, by, "plan_deleted", subject, before=before, after=None, reason=reason, now=now)


def _words(plan: SubscriptionPlanModel) -> dict[str, str]:
    return {"display_name": plan.display_name, "description": plan.description}


def _checked(text: object, what: str, longest: int, *, may_be_empty: bool = False) -> str:
    if isinstance(text, str) and len(text) <= longest and (may_be_empty or text.strip()):
        kept = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
        if kept == text:
            return text.strip()
    least = 0 if may_be_empty else 1
    raise InvalidPlanWords(f"The {what} of a plan has {least} to {longest} visible characters.")
