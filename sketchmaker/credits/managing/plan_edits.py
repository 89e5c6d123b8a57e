"""Editing a plan: what it gives from now on, or from a date, and to whom.

Every edit is a new version (`rules.plan_terms`). `preview` and `apply` share one rule, so a preview
is exactly what applying does; who applies what they saw names its `revision`, and is refused when
the plan was changed meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits.managing import plan_edits_now
from sketchmaker.credits.managing.plan_edit_counts import ApplyTo, counts_of
from sketchmaker.credits.rows.plan_versions import (
    FIRST,
    PlanInEffect,
    Plans,
    revision_of,
    rewrite_terms,
    versions_of,
)
from sketchmaker.credits.rows.plans import any_plan, locked_plan
from sketchmaker.credits.rules.amounts import checked_allowance
from sketchmaker.credits.rules.errors import InvalidChoice, NothingToChange
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.rules.instants import EARLIEST, checked_instant, in_utc
from sketchmaker.credits.rules.plan_errors import InvalidStart, PlanChangedMeanwhile
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.credits.tables.plan_versions import PlanVersion
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.reasons import checked_reason
from sketchmaker.record.trail import record


@dataclass(frozen=True, slots=True)
class Edit:
    """What a plan is to give. None leaves it as it is on sale now.

    `starts_at` goes with `apply_to="date"` and with nothing else.
    """

    plan_name: str
    apply_to: ApplyTo = "next_reset"
    monthly_credits: int | None = None
    features: Features | None = None
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """What an edit does, and to how many people.

    Of the `subscribers` of the plan, `changing` get the new version; `keeping` have credits of
    their own, and `leaving` change to another plan at their next reset. `over` have used or held
    more than the new allowance in this cycle: nobody of them owes anything.

    `first_reset` and `last_reset` are when the first and the last of those who change at their next
    reset do; None for the other ways.
    """

    plan_name: str
    plan_display_name: str
    apply_to: ApplyTo
    starts_at: datetime
    version: int
    credits_before: int
    credits_after: int
    features_before: Features
    features_after: Features
    subscribers: int
    changing: int
    keeping: int
    leaving: int
    over: int
    first_reset: datetime | None
    last_reset: datetime | None
    revision: int


@in_utc
def preview(session: Session, edit: Edit, *, now: datetime) -> PlanEdit:
    """What `apply` would do at `now`; nothing is written.

    Raises:
        As `apply`.
    """
    return _planned(session, any_plan(session, edit.plan_name), edit, now)


@in_utc
def apply(
    session: Session,
    edit: Edit,
    *,
    by: Actor,
    reason: str,
    now: datetime,
    seen: int | None = None,
) -> PlanEdit:
    """Edit the plan; `seen` is the `revision` of the preview that somebody agreed to.

    Raises:
        UnknownPlan: no plan has that name.
        PlanChangedMeanwhile: it is not at the revision that was seen.
        InvalidChoice, InvalidStart: `apply_to` is none of the four; the date is not to come.
        InvalidAmount, InvalidFeatures: the plan can't give that.
        NothingToChange: the plan gives that already.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    reason = checked_reason(reason, by)
    plan = locked_plan(session, edit.plan_name)
    revision = revision_of(session, plan, now)
    if seen not in {None, revision}:
        raise PlanChangedMeanwhile(plan.display_name, seen or 0, revision)
    planned = _planned(session, plan, edit, now)
    _add_version(session, plan, planned, now)
    if edit.apply_to == "now":
        facts = {"by": by.account_id, "reason": reason}
        plan_edits_now.give_now(
            session, plan, planned.version, planned.credits_after, facts=facts, now=now
        )
    _record(session, planned, plan, by=by, reason=reason, now=now)
    return planned


@in_utc
def cancel(
    session: Session, *, plan_name: str, version: int, by: Actor, reason: str, now: datetime
) -> None:
    """Take back a version that is planned for a date to come. Nobody has had anything of it.

    Raises:
        UnknownPlan: no plan has that name.
        NothingToChange: there is no such version, or it has begun.
        ReasonMissing, InvalidReason: as `record.trail.record`.
    """
    plan = locked_plan(session, plan_name)
    planned = next((each for each in versions_of(session, plan.id) if each.number == version), None)
    if planned is None or planned.starts_at <= now:
        raise NothingToChange(f"No change of the {plan.display_name} plan waits under that number.")
    before = {"version": version, "monthly_credits": planned.monthly_credits}
    session.delete(planned)
    _changed(session, plan, now)
    subject = Subject("plan", plan.id, plan.display_name)
    record(
        session, by, "plan_edit_cancelled", subject, before=before, after={}, reason=reason, now=now
    )


@in_utc
def publish_begun(session: Session, *, now: datetime) -> int:
    """Write into the plans what they have on sale by now; gives how many had begun another version.

    Everybody gets what is right for their instant without this: it keeps the published columns.
    """
    known = Plans.read(session)
    plans = session.scalars(select(SubscriptionPlanModel)).all()
    behind = [plan.name for plan in plans if _differs(plan, known.on_sale(plan.id, now))]
    for name in behind:
        plan = locked_plan(session, name)
        _publish(plan, Plans.read(session).on_sale(plan.id, now), now)
    session.flush()
    return len(behind)


def _planned(session: Session, plan: SubscriptionPlanModel, edit: Edit, now: datetime) -> PlanEdit:
    starts_at = _start(session, plan, edit, now)
    before = Plans.read(session).on_sale(plan.id, now)
    after = _after(before, edit)
    facts = counts_of(session, plan.id, after.monthly_credits, edit.apply_to, now)
    return PlanEdit(
        plan_name=plan.name,
        plan_display_name=plan.display_name,
        apply_to=edit.apply_to,
        starts_at=starts_at,
        version=max((each.number for each in versions_of(session, plan.id)), default=FIRST) + 1,
        credits_before=before.monthly_credits,
        credits_after=after.monthly_credits,
        features_before=before.features,
        features_after=after.features,
        revision=revision_of(session, plan, now),
        **facts,
    )


def _start(session: Session, plan: SubscriptionPlanModel, edit: Edit, now: datetime) -> datetime:
    if edit.apply_to not in get_args(ApplyTo):
        raise InvalidChoice(edit.apply_to, get_args(ApplyTo))
    if (edit.apply_to == "date") != (edit.starts_at is not None):
        raise InvalidStart(edit.starts_at)
    if edit.starts_at is None:
        # On a clock that was set back, an edit still comes after those before it.
        begun = [v.starts_at for v in versions_of(session, plan.id) if v.starts_at <= v.created_at]
        return max([now, *begun])
    starts_at = checked_instant(edit.starts_at)
    if starts_at <= now:
        raise InvalidStart(starts_at)
    return starts_at


def _after(before: PlanInEffect, edit: Edit) -> PlanInEffect:
    after = before
    if edit.monthly_credits is not None:
        after = replace(after, monthly_credits=checked_allowance(edit.monthly_credits))
    if edit.features is not None:
        after = replace(after, features=features_from(edit.features.stored()))
    if after == before:
        raise NothingToChange(f"The {before.display_name} plan gives that already.")
    return after


def _add_version(
    session: Session, plan: SubscriptionPlanModel, planned: PlanEdit, now: datetime
) -> None:
    if not versions_of(session, plan.id):
        session.add(
            PlanVersion(
                plan_id=plan.id,
                number=FIRST,
                monthly_credits=plan.monthly_credits,
                features=plan.features,
                for_everybody=True,
                starts_at=EARLIEST,
                created_at=plan.created_at,
            )
        )
    session.add(
        PlanVersion(
            plan_id=plan.id,
            number=planned.version,
            monthly_credits=planned.credits_after,
            features=planned.features_after.stored(),
            for_everybody=planned.apply_to != "new_subscribers",
            starts_at=planned.starts_at,
            created_at=now,
        )
    )
    _changed(session, plan, now)


def _changed(session: Session, plan: SubscriptionPlanModel, now: datetime) -> None:
    plan.revision += 1
    plan.updated_at = now
    session.flush()
    rewrite_terms(session, plan.id)
    _publish(plan, Plans.read(session).on_sale(plan.id, now), now)
    session.flush()


def _publish(plan: SubscriptionPlanModel, on_sale: PlanInEffect, now: datetime) -> None:
    if _differs(plan, on_sale):
        plan.monthly_credits, plan.features = on_sale.monthly_credits, on_sale.features.stored()
        plan.updated_at = now


def _differs(plan: SubscriptionPlanModel, on_sale: PlanInEffect) -> bool:
    return (plan.monthly_credits, plan.features) != (
        on_sale.monthly_credits,
        on_sale.features.stored(),
    )


def _record(
    session: Session,
    planned: PlanEdit,
    plan: SubscriptionPlanModel,
    *,
    by: Actor,
    reason: str,
    now: datetime,
) -> None:
    record(
        session,
        by,
        "plan_edited",
        Subject("plan", plan.id, plan.display_name),
        before={
            "monthly_credits": planned.credits_before,
            "features": planned.features_before.stored(),
        },
        after={
            "monthly_credits": planned.credits_after,
            "features": planned.features_after.stored(),
            "version": planned.version,
            "apply_to": planned.apply_to,
            "starts_at": planned.starts_at.isoformat(),
            "changing": planned.changing,
        },
        reason=reason,
        now=now,
    )
