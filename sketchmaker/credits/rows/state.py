"""A subscription as the verbs see it: read under lock, changed by a rule, written with its row.

`move` is how every verb but the hot ones changes a balance: it compares what it read, writes the
new state, and appends the ledger row whose deltas are derived from the two. So a verb can't change
a balance and forget to explain it.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.balance import Balance
from sketchmaker.credits.rules.cycle import cycle_number, cycle_start
from sketchmaker.credits.rules.errors import ChangedMeanwhile
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.new_cycle import Boundary
from sketchmaker.credits.tables import IS_ACTIVE, SUBSCRIPTIONS, UserSubscription


@dataclass(frozen=True, slots=True)
class Bonus:
    """Grants taken together: credits that can be spent, are held, were used in this cycle."""

    remaining: int = 0
    held: int = 0
    used: int = 0
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """From which instant, in which zone, cycles are counted; cycle `first` begins there."""

    anchor: datetime
    zone: str
    first: int = 0

    def start_of(self, cycle: int) -> datetime:
        """The boundary that begins a cycle, in UTC."""
        return cycle_start(self.anchor, cycle - self.first, self.zone)

    def cycle_at(self, at: datetime) -> int:
        """The cycle that holds an instant."""
        return self.first + cycle_number(self.anchor, at, self.zone)


@dataclass(frozen=True, slots=True)
class State:
    """One subscription: where it stands, what it has, when it resets."""

    id: int
    user_id: int
    is_active: bool
    ended_at: datetime | None
    plan_id: int
    plan_version: int
    next_plan_id: int | None
    cycle: int
    schedule: Schedule
    last_reset: datetime
    next_reset: datetime
    balance: Balance
    bonus: Bonus

    @property
    def available(self) -> int:
        """Everything that can be spent now: the one number for a person."""
        return self.balance.available + self.bonus.remaining

    def boundaries_passed(self, now: datetime) -> list[Boundary]:
        """The boundaries after the present cycle at or before `now`; none while the next is ahead.

        The first is taken as it was scheduled: the row is the truth, even when a newer edition of
        the time-zone data would count otherwise.
        """
        if self.next_reset > now:
            return []
        first = self.cycle + 1
        last = max(self.schedule.cycle_at(now), first)
        later = [self.schedule.start_of(cycle) for cycle in range(first + 1, last + 2)]
        starts = pairwise([self.next_reset, *later])
        return [
            Boundary(cycle, at, following, was_missed=cycle != last)
            for cycle, (at, following) in enumerate(starts, first)
        ]

    def with_columns(self, **columns: Any) -> "State":
        """This state with some of its row's columns changed."""
        return state_of(SimpleNamespace(**{**vars(columns_of(self)), **columns}))


def of_user(session: Session, user_id: int, *, lock: bool = True) -> State | None:
    """The user's active subscription; locked until the transaction ends, unless only looked at."""
    return read_state(session, SUBSCRIPTIONS.c.user_id == user_id, IS_ACTIVE, lock=lock)


def latest_of_user(session: Session, user_id: int) -> State | None:
    """The user's active subscription, or else the last one they had; locked as `of_user`.

    It carries their grants, also while they are away.
    """
    newest = select(func.max(SUBSCRIPTIONS.c.id)).where(SUBSCRIPTIONS.c.user_id == user_id)
    return of_user(session, user_id) or read_state(
        session, SUBSCRIPTIONS.c.id == newest.scalar_subquery(), lock=True
    )


def of_subscription(session: Session, subscription_id: int, *, lock: bool = True) -> State | None:
    """The subscription of that number, active or not; locked as `of_user`."""
    return read_state(session, SUBSCRIPTIONS.c.id == subscription_id, lock=lock)


@in_utc
def move(
    session: Session,
    before: State,
    after: State,
    *,
    action: str,
    now: datetime,
    details: dict[str, Any],
    **entry: Any,
) -> None:
    """Write the new state and the ledger row that explains it.

    The row's deltas are the change of the books; `entry` gives what differs from the usual
    (`credits_used`, `hold_id`, `cycle`).

    Raises:
        ChangedMeanwhile: the row is not as it was read; the transaction must be undone.
    """
    write(session, before, after)
    bonus_delta = (after.bonus.remaining + after.bonus.held) - (
        before.bonus.remaining + before.bonus.held
    )
    row = {
        "user_id": after.user_id,
        "subscription_id": after.id,
        "hold_id": None,
        "action": action,
        "credits_used": 0,
        "credits_delta": after.balance.in_the_books - before.balance.in_the_books + bonus_delta,
        "bonus_delta": bonus_delta,
        "balance_after": after.available,
        "cycle": after.cycle,
        "details": details,
        "created_at": now,
    }
    ledger.append(session, **{**row, **entry})


def write(session: Session, before: State, after: State) -> None:
    """Write the new state without a row; for verbs that change no books (holding, scheduling).

    Raises:
        ChangedMeanwhile: as `move`.
    """
    # The lock makes the comparison superfluous on our own databases. Who embeds the engine may
    # have opened a transaction that locks nothing.
    unchanged = [SUBSCRIPTIONS.c[name] == value for name, value in numbers_of(before).items()]
    old, new = values_of(before), values_of(after)
    # Only what differs: on PostgreSQL a written date wakes the schedulers.
    different = {name: value for name, value in new.items() if value != old[name]}
    if not different:
        return
    changed = session.execute(
        update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.id == before.id, SUBSCRIPTIONS.c.cycle == before.cycle, *unchanged)
        .values(**different)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise ChangedMeanwhile(before.id)


def state_of(row: Row[*tuple[Any, ...]] | UserSubscription | SimpleNamespace) -> State:
    """The state that a row of `user_subscriptions`, or its columns, stand for."""
    return State(
        id=row.id,
        user_id=row.user_id,
        is_active=row.is_active,
        ended_at=row.subscription_end,
        plan_id=row.plan_id,
        plan_version=row.plan_version,
        next_plan_id=row.next_plan_id,
        cycle=row.cycle,
        schedule=Schedule(row.subscription_start, row.time_zone, row.anchor_cycle),
        last_reset=row.last_credit_reset,
        next_reset=row.next_credit_reset,
        balance=Balance(
            allowance=row.cycle_allowance,
            held=row.credits_held - row.bonus_held,
            used=row.credits_used_this_month - row.bonus_used,
            revoked=row.credits_revoked,
        ),
        bonus=Bonus(row.bonus_remaining, row.bonus_held, row.bonus_used, row.bonus_expires_at),
    )


def read_state(session: Session, *which: ColumnElement[bool], lock: bool) -> State | None:
    """The subscription under these conditions, with its row locked if `lock`; None for none."""
    query = select(SUBSCRIPTIONS).where(*which)
    row = session.execute(query.with_for_update() if lock else query).first()
    return None if row is None else state_of(row)


def numbers_of(state: State) -> dict[str, int]:
    """The columns of a state that count credits."""
    balance, bonus = state.balance, state.bonus
    return {
        "cycle_allowance": balance.allowance,
        "credits_revoked": balance.revoked,
        "credits_remaining": state.available,
        "credits_held": balance.held + bonus.held,
        "credits_used_this_month": balance.used + bonus.used,
        "bonus_remaining": bonus.remaining,
        "bonus_held": bonus.held,
        "bonus_used": bonus.used,
    }


def columns_of(state: State) -> SimpleNamespace:
    """A state as its row: the columns by their names."""
    return SimpleNamespace(id=state.id, user_id=state.user_id, **values_of(state))


def values_of(state: State) -> dict[str, Any]:
    """The columns of a state that can change."""
    return {
        **numbers_of(state),
        "bonus_expires_at": state.bonus.expires_at,
        "is_active": state.is_active,
        "subscription_end": state.ended_at,
        "plan_id": state.plan_id,
        "plan_version": state.plan_version,
        "next_plan_id": state.next_plan_id,
        "cycle": state.cycle,
        "anchor_cycle": state.schedule.first,
        "subscription_start": state.schedule.anchor,
        "time_zone": state.schedule.zone,
        "last_credit_reset": state.last_reset,
        "next_credit_reset": state.next_reset,
    }
