"""Changing plan: up at once, down at the next reset, and nothing minted by going back and forth.

What was used stays used: a plan in effect means "so many credits in this cycle, less what is used
and held". `preview` and `apply` share one rule, so a preview is exactly what applying does.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy.orm import Session

from sketchmaker.credits import present
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import managed
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.next_plan import takes_effect_now
from sketchmaker.credits.rows.plan_versions import PlanInEffect, Plans
from sketchmaker.credits.rows.plans import active_plan, default_plan
from sketchmaker.credits.rows.state import Schedule, State, columns_of
from sketchmaker.credits.rules.actions import PLAN_ACTION, RESTART_ACTION
from sketchmaker.credits.rules.amounts import checked_zone
from sketchmaker.credits.rules.errors import InvalidChoice, NothingToChange
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.new_cycle import Boundary, begin_cycle
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.record.actor import Actor

When = Literal["now", "next_reset", "restart"]
"""`now` keeps the cycle; `next_reset` waits; `restart` voids the cycle and begins a new one."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What a change does: to the person's one number, to the allowance, to the next reset."""

    subscription_id: int
    from_plan: str
    to_plan: str
    when: When
    effective_at: datetime
    available_before: int
    available_after: int
    allowance_after: int
    next_reset: datetime
    cycle: int
    replayed: bool = field(default=False, compare=False)


@in_utc
def default_when(session: Session, *, subscription_id: int, plan_name: str, now: datetime) -> When:
    """Up at once, down at the next reset: as seen from the cycle of `now`.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended, UnknownPlan: as `apply`.
    """
    found = present.foreseen(session, subscription_id, now=now)
    target = _given(session, found, active_plan(session, plan_name), now)
    return "now" if takes_effect_now(found.balance.allowance, target) else "next_reset"


@in_utc
def preview(
    session: Session,
    *,
    subscription_id: int,
    plan_name: str,
    when: When,
    now: datetime,
    time_zone: str | None = None,
) -> PlanChange:
    """What `apply` would do at `now`; nothing is written.

    Raises:
        As `apply`.
    """
    _check_when(when)
    zone = None if time_zone is None else checked_zone(time_zone)
    before = present.foreseen(session, subscription_id, now=now)
    target = _given(session, before, active_plan(session, plan_name), now)
    if when == "restart":
        guard.check_by_hand(session, subscription_id, now=now)
    after = _changed(before, target, when, now, zone)
    return _described(session, before, after, target, when=when, now=now)


@in_utc
def apply(
    session: Session,
    *,
    subscription_id: int,
    plan_name: str,
    when: When,
    now: datetime,
    by: Actor,
    reason: str,
    time_zone: str | None = None,
) -> PlanChange:
    """Change the plan, with the ledger row that says so.

    A restart counts its cycles in `time_zone`, the person's present one: or else in the zone of
    the cycles before it. Other changes leave the zone alone.

    Raises:
        InvalidChoice: `when` is none of the three.
        InvalidTimeZone: no such zone.
        SubscriptionNotFound: no such subscription.
        NoActiveSubscription: it is not active.
        ResetSuspended: the reset that is due is suspended.
        UnknownPlan: no active plan has that name.
        NothingToChange: it is on that plan already, and nothing else is scheduled.
        AllowanceLimit: a restart, as `guard.check_by_hand`.
    """
    _check_when(when)
    zone = None if time_zone is None else checked_zone(time_zone)
    before = present.of_subscription(session, subscription_id, now=now)
    target = _given(session, before, active_plan(session, plan_name), now)
    if when == "restart":
        guard.check_by_hand(session, subscription_id, now=now)
    return _apply(session, before, target, when=when, now=now, by=by, reason=reason, zone=zone)


@in_utc
def end_at_reset(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> PlanChange:
    """End the plan with its cycle: from the next reset on, the person is on the default plan.

    Until then everything stays as it is. `cancel_scheduled` takes the end back.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended: as `apply`.
        NoDefaultPlan: the installation has not been set up.
        NothingToChange: the person is on the default plan, or its end is scheduled.
    """
    before = present.of_subscription(session, subscription_id, now=now)
    target = _given(session, before, default_plan(session), now)
    if before.plan_id == target.id:
        raise NothingToChange(f"Nothing comes after the {target.display_name} plan.")
    if before.next_plan_id == target.id:
        raise NothingToChange("The plan ends at the next reset already.")
    facts = {"ends": True}
    return _apply(
        session, before, target, when="next_reset", now=now, by=by, reason=reason, facts=facts
    )


@in_utc
def cancel_scheduled(
    session: Session, *, subscription_id: int, now: datetime, by: Actor, reason: str
) -> None:
    """Take back a change that waits for the next reset.

    Raises:
        SubscriptionNotFound, NoActiveSubscription, ResetSuspended, NothingToChange.
    """
    before = present.of_subscription(session, subscription_id, now=now)
    if before.next_plan_id is None:
        raise NothingToChange("No change of plan is scheduled.")
    after = replace(before, next_plan_id=None)
    managed.move_and_note(
        session,
        before,
        after,
        Decision(by, reason, now),
        action=PLAN_ACTION,
        details={"when": "cancelled"},
    )


def _apply(
    session: Session,
    before: State,
    target: PlanInEffect,
    *,
    when: When,
    now: datetime,
    by: Actor,
    reason: str,
    facts: dict[str, Any] | None = None,
    zone: str | None = None,
) -> PlanChange:
    after = _changed(before, target, when, now, zone)
    change = _described(session, before, after, target, when=when, now=now)
    details = {
        **(facts or {}),
        "from": change.from_plan,
        "to": change.to_plan,
        "when": when,
        "effective_at": change.effective_at.isoformat(),
    }
    action = PLAN_ACTION
    if when == "restart":
        action = RESTART_ACTION
        details["time_zone"] = after.schedule.zone
    managed.move_and_note(
        session, before, after, Decision(by, reason, now), action=action, details=details
    )
    return change


def _given(
    session: Session, before: State, plan: SubscriptionPlanModel, now: datetime
) -> PlanInEffect:
    """What the person gets who changes to the plan now: its version on sale, or what is theirs."""
    return Plans.read(session, [before.id]).arrived_on(before, plan.id, now)


def _holds(before: State, target: PlanInEffect) -> bool:
    return before.plan_version == target.version


def _check_when(when: str) -> None:
    if when not in get_args(When):
        raise InvalidChoice(when, get_args(When))


def _changed(
    before: State, target: PlanInEffect, when: When, now: datetime, zone: str | None
) -> State:
    is_there = before.plan_id == target.id and before.next_plan_id is None
    if is_there and (when == "next_reset" or (when == "now" and _holds(before, target))):
        raise NothingToChange(f"The subscription is on the {target.display_name} plan already.")
    if when == "next_reset":
        # Back to the present plan: nothing is left to wait for.
        waiting = None if before.plan_id == target.id else target.id
        return replace(before, next_plan_id=waiting)
    if when == "restart":
        return _restarted(before, target, now, zone or before.schedule.zone)
    balance = before.balance.on_allowance(target.monthly_credits)
    return replace(
        before, plan_id=target.id, plan_version=target.version, next_plan_id=None, balance=balance
    )


def _restarted(before: State, target: PlanInEffect, now: datetime, zone: str) -> State:
    """A new cycle as after a reset, but begun now, which is the new anchor."""
    first = before.cycle + 1
    schedule = Schedule(anchor=now, zone=zone, first=first)
    started = replace(before, schedule=schedule)
    boundary = Boundary(first, now, schedule.start_of(first + 1))
    return started.with_columns(**begin_cycle(columns_of(before), target, boundary))


def _described(
    session: Session,
    before: State,
    after: State,
    target: PlanInEffect,
    *,
    when: When,
    now: datetime,
) -> PlanChange:
    from_plan = session.get_one(SubscriptionPlanModel, before.plan_id)
    return PlanChange(
        subscription_id=before.id,
        from_plan=from_plan.display_name,
        to_plan=target.display_name,
        when=when,
        effective_at=before.next_reset if when == "next_reset" else now,
        available_before=before.available,
        available_after=after.available,
        allowance_after=after.balance.allowance,
        next_reset=after.next_reset,
        cycle=after.cycle,
    )
