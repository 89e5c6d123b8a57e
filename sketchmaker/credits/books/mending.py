"""How one hold, grant or subscription is worked out anew from the rows that are believed.

Each verb locks what it mends, changes no row of the ledger, and says in a sentence what it did;
None when there was nothing that it could do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import actions, ledger
from sketchmaker.credits.balance import Part, split
from sketchmaker.credits.books import parts, rebuilding
from sketchmaker.credits.charges import bonus_facts
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS, HoldState


@dataclass(frozen=True, slots=True)
class Correction:
    """On whose word the books are mended, why, and when; nobody's while it is only proposed."""

    by_id: int | None
    reason: str
    now: datetime

    def facts(self) -> dict[str, Any]:
        """What every row says that a correction adds."""
        return {"correction": True, "by": self.by_id, "reason": self.reason}


def mend_hold(session: Session, hold_id: int, correction: Correction) -> str | None:
    """Let the hold say what its ledger row says; or add the row that its end should have had."""
    hold = _locked(session, HOLDS, hold_id)
    entries = session.execute(select(LEDGER).where(LEDGER.c.hold_id == hold_id).limit(2)).all()
    if hold is None or len(entries) > 1:
        return None
    if not entries and hold.state != HoldState.PENDING:
        _add_end(session, hold, correction)
        return f"Add the ledger row of its end, with {hold.credits_settled} credits used."
    new = _as_ended(hold, entries[0]) if entries else {"ended_at": None, "credits_settled": 0}
    return _change(session, HOLDS, hold, new)


def mend_grant(session: Session, grant_id: int, correction: Correction) -> str | None:
    """Let the grant hold and have used what holds and the ledger say; the rest is left of it.

    Of a grant that was voided nothing is left: the rest is voided.
    """
    del correction  # the balance's own entry tells of it
    grant = _locked(session, GRANTS, grant_id)
    if grant is None:
        return None
    low, high = grant.user_id - 1, grant.user_id
    held = parts.held_of_grants(session, low, high)[grant_id]
    used = parts.used_of_grants(session, low, high)[grant_id]
    rest = grant.credits_granted - held - used
    if min(used, rest) < 0:
        return None
    expired = min(max(grant.credits_expired, 0), rest)
    rest -= expired
    is_voided = grant.voided_at is not None
    new = {
        "credits_held": held,
        "credits_used": used,
        "credits_expired": expired,
        "credits_remaining": 0 if is_voided else rest,
        "credits_voided": rest if is_voided else 0,
    }
    return _change(session, GRANTS, grant, new)


def mend_subscription(session: Session, subscription_id: int, correction: Correction) -> str | None:
    """Work the balance and the schedule out anew; an entry makes up for what the ledger lacks."""
    row = _locked(session, SUBSCRIPTIONS, subscription_id)
    if row is None:
        return None
    missing = rebuilding.missing_rows(session, row)
    for entry in missing:
        facts = {**correction.facts(), **entry.pop("facts")}
        _append(session, row, correction, **entry, details=facts)
    new = rebuilding.rebuilt(session, row)
    changes = _change(session, SUBSCRIPTIONS, row, new)
    delta, bonus = rebuilding.lacking(session, row.id, new)
    facts = {
        **correction.facts(),
        "before": {name: _plain(getattr(row, name)) for name in new},
        "after": {name: _plain(value) for name, value in new.items()},
    }
    _append(
        session,
        row,
        correction,
        action=actions.CORRECTION_ACTION,
        credits_delta=delta,
        bonus_delta=bonus,
        balance_after=new["credits_remaining"],
        details=facts,
    )
    added = f"Add {len(missing)} ledger rows that are missing. " if missing else ""
    entry_sentence = f"Add an entry of {delta:+} credits, {bonus:+} of them bonus."
    return f"{added}{changes + ' ' if changes else ''}{entry_sentence}"


def _as_ended(hold: Row[*tuple[Any, ...]], entry: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    ended = hold.state if hold.state in {"released", "expired"} else HoldState.RELEASED.value
    return {
        "credits_settled": entry.credits_used,
        "cycle": entry.cycle,
        "state": HoldState.SETTLED.value if entry.credits_used > 0 else ended,
        "ended_at": hold.ended_at or entry.created_at,
    }


def _add_end(session: Session, hold: Row[*tuple[Any, ...]], correction: Correction) -> None:
    row = session.execute(
        select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == hold.subscription_id).with_for_update()
    ).one()
    pairs = parts.pairs_of(hold.parts) or [(None, hold.credits_held)]
    used, _ = split([Part(*pair) for pair in pairs], hold.credits_settled)
    bonus = sum(part.credits for part in used if part.grant_id is not None)
    _append(
        session,
        row,
        correction,
        action=actions.CORRECTION_ACTION,
        hold_id=hold.id,
        credits_used=hold.credits_settled,
        credits_delta=-bonus,
        bonus_delta=-bonus,
        cycle=hold.cycle,
        details={**correction.facts(), **bonus_facts(tuple(used)), "outcome": hold.state},
    )


def _append(
    session: Session, row: Row[*tuple[Any, ...]], correction: Correction, **entry: Any
) -> None:
    usual = {
        "user_id": row.user_id,
        "subscription_id": row.id,
        "hold_id": None,
        "credits_used": 0,
        "credits_delta": 0,
        "bonus_delta": 0,
        "balance_after": max(row.credits_remaining, 0),
        "cycle": row.cycle,
        "created_at": correction.now,
    }
    ledger.append(session, **{**usual, **entry})


def _change(
    session: Session, table: Table, row: Row[*tuple[Any, ...]], new: Mapping[str, Any]
) -> str | None:
    """Write what differs, and say what that is."""
    different = {name: value for name, value in new.items() if value != getattr(row, name)}
    if not different:
        return None
    session.execute(update(table).where(table.c.id == row.id).values(**different))
    told = (f"{name} {getattr(row, name)} → {value}" for name, value in different.items())
    return f"Set {', '.join(told)}."


def _locked(session: Session, table: Table, row_id: int) -> Row[*tuple[Any, ...]] | None:
    return session.execute(select(table).where(table.c.id == row_id).with_for_update()).first()


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
