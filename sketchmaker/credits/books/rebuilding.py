"""What a subscription's row should be, by everything that is believed more than the row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits import actions
from sketchmaker.credits.books import parts, schedules, sums
from sketchmaker.credits.tables import GRANTS, LEDGER, SUBSCRIPTIONS

ROW = SUBSCRIPTIONS.c


def rebuilt(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """The columns of the balance and the schedule as they should be."""
    allowance = max(row.cycle_allowance, 0)
    low, high = row.id - 1, row.id
    allowance_held, bonus_held = parts.held_by_holds(session, low, high)
    used, revoked = sums.used_and_revoked(session, row.id)
    used = max(used, 0)  # of refunds that gave too much, a person decides
    bonus_used = max(min(parts.bonus_used_by_ledger(session, low, high)[row.id], used), 0)
    held = allowance_held[row.id]
    available = max(allowance - revoked - held - (used - bonus_used), 0)
    bonus, expires_at = _bonus(session, row)
    return {
        "cycle_allowance": allowance,
        "credits_remaining": available + bonus,
        "credits_held": held + bonus_held[row.id],
        "credits_used_this_month": used,
        "credits_revoked": revoked,
        "bonus_remaining": bonus,
        "bonus_held": bonus_held[row.id],
        "bonus_used": bonus_used,
        "bonus_expires_at": expires_at,
        **_schedule(session, row),
    }


def lacking(session: Session, subscription_id: int, new: dict[str, Any]) -> tuple[int, int]:
    """What the ledger's deltas lack to add up to the row: credits, and the bonus part of them."""
    total: Any = session.execute(
        select(
            func.coalesce(func.sum(LEDGER.c.credits_delta), 0).label("credits"),
            func.coalesce(func.sum(LEDGER.c.bonus_delta), 0).label("bonus"),
        ).where(LEDGER.c.subscription_id == subscription_id)
    ).one()
    books = new["credits_remaining"] + new["credits_held"]
    bonus_books = new["bonus_remaining"] + new["bonus_held"]
    return int(books - total.credits), int(bonus_books - total.bonus)


def missing_rows(session: Session, row: Row[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Entries for the start and the resets that the ledger does not tell of. They grant nothing."""
    of_row = LEDGER.c.subscription_id == row.id
    begun = set(
        session.scalars(select(LEDGER.c.cycle).where(of_row, LEDGER.c.action.in_(sums.BEGINNINGS)))
    )
    entries: list[dict[str, Any]] = []
    for cycle in range(1, row.cycle + 1):
        due_at = boundary(row, cycle)
        if cycle not in begun and due_at is not None:
            facts = {"due_at": due_at.isoformat(), "granted": 0, "expired": 0}
            entries.append({"action": actions.RESET_ACTION, "cycle": cycle, "facts": facts})
    started = select(LEDGER.c.id).where(of_row, LEDGER.c.action == actions.START_ACTION).limit(1)
    if session.scalar(started) is None:
        entries.append({"action": actions.START_ACTION, "cycle": 0, "facts": {"granted": 0}})
    return entries


def boundary(row: Row[*tuple[Any, ...]], cycle: int) -> datetime | None:
    """When a cycle was due to begin; for cycles before a restart, no later than the restart."""
    due_at = schedules.boundary_of(row, cycle)
    if due_at is not None and cycle < row.anchor_cycle:
        return min(due_at, row.subscription_start)  # type: ignore[no-any-return]
    return due_at


def _bonus(session: Session, row: Row[*tuple[Any, ...]]) -> tuple[int, datetime | None]:
    """What the user's grants have left, less what other subscriptions of theirs account for."""
    left: Any = session.execute(
        select(
            func.coalesce(func.sum(GRANTS.c.credits_remaining), 0).label("credits"),
            func.min(GRANTS.c.expires_at, type_=GRANTS.c.expires_at.type).label("expires_at"),
        ).where(GRANTS.c.user_id == row.user_id, GRANTS.c.credits_remaining > 0)
    ).one()
    elsewhere = session.scalar(
        select(func.coalesce(func.sum(ROW.bonus_remaining), 0)).where(
            ROW.user_id == row.user_id, ROW.id != row.id
        )
    )
    bonus = max(int(left.credits) - int(elsewhere or 0), 0)
    return bonus, left.expires_at if bonus else None


def _schedule(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """Both resets where they should be; nothing when that can't be said."""
    low = row.id - 1
    query = schedules.schedules_of_range()
    facts = session.execute(query, {"above": low, "up_to": row.id}).one()
    moved = schedules.moved_resets(session, low, row.id)
    last, following = schedules.expected_resets(facts, moved)
    if last is None or following is None or following <= last:
        return {}
    return {"last_credit_reset": last, "next_credit_reset": following}
