"""What a subscription's row should be, by everything that is believed more than the row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books import parts, schedules, sums
from sketchmaker.credits.books.told import Told
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rules import actions
from sketchmaker.credits.tables import GRANTS, SUBSCRIPTIONS

ROW = SUBSCRIPTIONS.c


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A subscription as it would be counted from this anchor in this cycle."""

    id: int
    time_zone: str
    present: int
    anchor_cycle: int
    subscription_start: datetime

    def resets(self, session: Session) -> tuple[datetime, datetime] | None:
        """The last reset and the next; None when there can be no such ones."""
        moved = schedules.moves_of(session, self.id)
        forced_at = schedules.forced_at(session, self.id, self.present)
        last, following = schedules.expected_resets(self, moved, forced_at)
        if last is None or following is None or following <= last:
            return None
        return last, following


def calendar(
    session: Session, row: Row[*tuple[Any, ...]], told: Told, now: datetime
) -> dict[str, Any] | None:
    """The cycle, its anchor and both resets, as the ledger tells; None when nobody can say.

    A cycle that the ledger did not see begin is believed when the dates of the row are those of it:
    then a row of the ledger was lost. It never leads to a reset that is due before its time.
    """
    anchor = row.subscription_start if told.anchor is None else told.anchor
    by_ledger = _Calendar(row.id, row.time_zone, told.cycle, told.anchor_cycle, anchor)
    by_row = _Calendar(row.id, row.time_zone, row.cycle, told.anchor_cycle, anchor)
    dates = (row.last_credit_reset, row.next_credit_reset)
    is_lost = row.cycle > told.cycle and by_row.resets(session) == dates
    believed = by_row if is_lost else by_ledger
    resets = believed.resets(session)
    if resets is None or resets[0] > now:
        return None
    last, following = resets
    would_be_repeated = believed.present < row.cycle and following <= now
    if would_be_repeated and following != row.next_credit_reset:
        return None
    return {
        "cycle": believed.present,
        "anchor_cycle": believed.anchor_cycle,
        "subscription_start": anchor,
        "last_credit_reset": last,
        "next_credit_reset": following,
    }


def missing_rows(row: Row[*tuple[Any, ...]], told: Told) -> list[dict[str, Any]]:
    """Entries for the start and the resets that the ledger does not tell of. They grant nothing."""
    entries: list[dict[str, Any]] = []
    for cycle in range(1, row.cycle + 1):
        due_at = _boundary(row, cycle)
        if cycle not in told.cycles and due_at is not None:
            facts = {"due_at": due_at.isoformat(), "granted": 0, "expired": 0}
            entries.append({"action": actions.RESET_ACTION, "cycle": cycle, "facts": facts})
    if not told.has_start:
        facts = {"granted": 0, schedules.ANCHOR_FACT: row.subscription_start.isoformat()}
        entries.append({"action": actions.START_ACTION, "cycle": 0, "facts": facts})
    return entries


def balance(session: Session, row: Row[*tuple[Any, ...]], told: Told) -> dict[str, Any] | None:
    """The columns of the balance as the ledger, holds and grants have it; None when impossible."""
    low, high = row.id - 1, row.id
    allowance_held, bonus_held = parts.held_by_holds(session, low, high)
    used, revoked = sums.used_and_revoked(session, row.id)
    bonus_used = parts.bonus_used_by_ledger(session, low, high)[row.id]
    held = allowance_held[row.id]
    bonus = told.bonus - bonus_held[row.id]
    available = told.credits - told.bonus - held
    gone = revoked + held + used - bonus_used
    allowance = _allowance(session, row, available, gone)
    # Refunds that gave too much can make less than nothing of it: a person decides.
    if allowance is None or min(available, bonus, revoked, bonus_used, used - bonus_used) < 0:
        return None
    return {
        "cycle_allowance": allowance,
        "credits_remaining": available + bonus,
        "credits_held": held + bonus_held[row.id],
        "credits_used_this_month": used,
        "credits_revoked": revoked,
        "bonus_remaining": bonus,
        "bonus_held": bonus_held[row.id],
        "bonus_used": bonus_used,
    }


def first_expiry(session: Session, row: Row[*tuple[Any, ...]]) -> datetime | None:
    """The first expiry among the grants that the subscription has left."""
    if not row.bonus_remaining:
        return None
    first = func.min(GRANTS.c.expires_at, type_=GRANTS.c.expires_at.type)
    query = select(first).where(GRANTS.c.user_id == row.user_id, GRANTS.c.credits_remaining > 0)
    expires_at: datetime | None = session.scalar(query)
    return expires_at


def _allowance(
    session: Session, row: Row[*tuple[Any, ...]], available: int, gone: int
) -> int | None:
    """The allowance of which so much is gone and so much available: the row's, if it can be."""
    held = Plans.read(session).version_of(row.plan_id, row.plan_version).monthly_credits
    told = [row.cycle_allowance, *([available + gone] if available else []), held]
    fitting = (
        allowance
        for allowance in told
        if isinstance(allowance, int) and allowance >= 0 and max(allowance - gone, 0) == available
    )
    return next(fitting, None)


def _boundary(row: Row[*tuple[Any, ...]], cycle: int) -> datetime | None:
    """When a cycle was due to begin; for cycles before a restart, no later than the restart."""
    due_at = schedules.boundary_of(row, cycle)
    if due_at is not None and cycle < row.anchor_cycle:
        return min(due_at, row.subscription_start)  # type: ignore[no-any-return]
    return due_at
