"""How one hold, grant or subscription is worked out anew from the rows that are believed.

Each verb locks what it mends, changes no row of the ledger, and says in a sentence what it did;
None when there was nothing that it could do. Whether the books are better for it is for the caller
to find out, and else to undo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, func, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.books import parts, rebuilding
from sketchmaker.credits.books.told import Told, leads_to, told_by_ledger
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules import actions
from sketchmaker.credits.rules.balance import Part, split
from sketchmaker.credits.rules.new_cycle import still_holds_allowance
from sketchmaker.credits.spending.charges import bonus_facts
from sketchmaker.credits.spending.holds import LONGEST_LIFETIME
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS, HoldState
from sketchmaker.record.actor import Actor

LEDGER_CONTRADICTS_ITSELF = (
    "The ledger contradicts itself: a row of it is missing, was written twice or was changed. "
    "Compare it with a backup."
)


class CannotMend(Exception):
    """The rows don't tell what would be right. The text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Correction:
    """On whose word the books are mended, why, and when; nobody's while it is only proposed."""

    by: Actor | None
    reason: str
    now: datetime

    def facts(self) -> dict[str, Any]:
        """What every row says that a correction adds."""
        by_id = None if self.by is None else self.by.account_id
        return {"correction": True, "by": by_id, "reason": self.reason}


def mend_hold(session: Session, hold_id: int, correction: Correction) -> str | None:
    """Let the hold say what its ledger row says; or add the row that its end should have had."""
    hold = _locked(session, HOLDS, hold_id)
    entries = session.execute(select(LEDGER).where(LEDGER.c.hold_id == hold_id).limit(2)).all()
    if hold is None or len(entries) > 1 or hold.state not in set(HoldState):
        return None
    if not entries and hold.state != HoldState.PENDING:
        _add_end(session, hold, correction)
        return f"Add the ledger row of its end, with {hold.credits_settled} credits used."
    new = _as_ended(hold, entries[0]) if entries else _as_pending(hold, correction)
    return _change(session, HOLDS, hold, new)


def mend_grant(session: Session, grant_id: int, correction: Correction) -> str | None:
    """Let the grant hold and have used what holds and the ledger say, and have left what is told.

    What all grants of the user have left is told by the ledger; the others of them are believed.
    """
    del correction  # the balance's own entry tells of it
    grant = _locked(session, GRANTS, grant_id)
    if grant is None:
        return None
    low, high = grant.user_id - 1, grant.user_id
    held = parts.held_of_grants(session, low, high)
    used = parts.used_of_grants(session, low, high)[grant_id]
    remaining = _left_by_ledger(session, grant) - held.total()
    rest = grant.credits_granted - held[grant_id] - used - remaining
    is_voided = grant.voided_at is not None
    if min(used, remaining, rest) < 0 or (is_voided and remaining):
        return None
    expired = min(max(grant.credits_expired, 0), rest) if is_voided else rest
    new = {
        "credits_held": held[grant_id],
        "credits_used": used,
        "credits_expired": expired,
        "credits_remaining": remaining,
        "credits_voided": rest - expired,
    }
    return _change(session, GRANTS, grant, new)


def mend_subscription(session: Session, subscription_id: int, correction: Correction) -> str | None:
    """Bring the row and the ledger of a subscription together.

    Either the row becomes what the ledger says, or an entry makes up for what the ledger lacks;
    never both, so that nothing is given which neither of them knew of.

    Raises:
        CannotMend: the ledger and the row are not enough to tell what is right.
    """
    row = _locked(session, SUBSCRIPTIONS, subscription_id)
    if row is None:
        return None
    told = told_by_ledger(session, subscription_id)
    when = rebuilding.calendar(session, row, told, correction.now)
    if when is None:
        raise CannotMend("Which cycle it is in can't be told from the ledger and its dates.")
    changed = [_change(session, SUBSCRIPTIONS, row, when)]
    row = _reread(session, row)
    missing = rebuilding.missing_rows(row, told)
    balance = rebuilding.balance(session, row, told)
    follows = balance and leads_to(session, told, row.id, balance["credits_remaining"])
    if follows and balance and not missing:
        changed.append(_change(session, SUBSCRIPTIONS, row, balance))
    else:
        _refuse_contradiction(session, row, told)
    row = _reread(session, row)
    expiry = {"bonus_expires_at": rebuilding.first_expiry(session, row)}
    changed.append(_change(session, SUBSCRIPTIONS, row, expiry))
    sentences = [sentence for sentence in changed if sentence]
    return _with_entries(session, row, told, correction, missing, sentences)


def _refuse_contradiction(session: Session, row: Row[*tuple[Any, ...]], told: Told) -> None:
    """An entry may only make up for what the ledger lacks when its newest row knows the balance."""
    adds_up = told.credits == row.credits_remaining + row.credits_held
    if not adds_up and not leads_to(session, told, row.id, row.credits_remaining):
        raise CannotMend(LEDGER_CONTRADICTS_ITSELF)


def _with_entries(  # noqa: PLR0917 - private, the end of the verb above
    session: Session,
    row: Row[*tuple[Any, ...]],
    told: Told,
    correction: Correction,
    missing: list[dict[str, Any]],
    sentences: list[str],
) -> str | None:
    """Append what the ledger lacks, and the entry that says who corrected what."""
    delta = row.credits_remaining + row.credits_held - told.credits
    bonus = row.bonus_remaining + row.bonus_held - told.bonus
    if not (missing or sentences or delta or bonus) and leads_to(
        session, told, row.id, row.credits_remaining
    ):
        return None
    for entry in missing:
        facts = {**correction.facts(), **entry.pop("facts")}
        _append(session, row, correction, **entry, details=facts)
    told_of = {**correction.facts(), "changes": sentences}
    changes = {"credits_delta": delta, "bonus_delta": bonus, "details": told_of}
    _append(session, row, correction, action=actions.CORRECTION_ACTION, **changes)
    added = [f"Add {len(missing)} ledger rows that are missing."] if missing else []
    entry_sentence = "Add an entry that says so."
    if delta or bonus:
        entry_sentence = f"Add an entry of {delta:+} credits, {bonus:+} of them bonus."
    return " ".join([*added, *sentences, entry_sentence])


def _left_by_ledger(session: Session, grant: Row[*tuple[Any, ...]]) -> int:
    """What this grant has left or held, by the ledger and what the user's others have left."""
    of_user = select(func.coalesce(func.sum(LEDGER.c.bonus_delta), 0))
    total = session.scalar(of_user.where(LEDGER.c.user_id == grant.user_id)) or 0
    others = session.scalar(
        select(func.coalesce(func.sum(GRANTS.c.credits_remaining), 0)).where(
            GRANTS.c.user_id == grant.user_id, GRANTS.c.id != grant.id
        )
    )
    return int(total - (others or 0))


def _as_ended(hold: Row[*tuple[Any, ...]], entry: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    ended = hold.state if hold.state in {"released", "expired"} else HoldState.RELEASED.value
    return {
        "credits_settled": entry.credits_used,
        "cycle": entry.cycle,
        "state": HoldState.SETTLED.value if entry.credits_used > 0 else ended,
        "ended_at": hold.ended_at or entry.created_at,
    }


def _as_pending(hold: Row[*tuple[Any, ...]], correction: Correction) -> dict[str, Any]:
    new: dict[str, Any] = {"ended_at": None, "credits_settled": 0}
    if hold.expires_at > correction.now + LONGEST_LIFETIME:
        # Long over, as a rule: the housekeeper gives its credits back at the next look.
        new["expires_at"] = hold.created_at + LONGEST_LIFETIME
    return new


def _add_end(session: Session, hold: Row[*tuple[Any, ...]], correction: Correction) -> None:
    row = session.execute(
        select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == hold.subscription_id).with_for_update()
    ).one()
    pairs = parts.pairs_of(hold.parts) or [(None, hold.credits_held)]
    used, _ = split([Part(*pair) for pair in pairs], hold.credits_settled)
    bonus = sum(part.credits for part in used if part.grant_id is not None)
    is_present = still_holds_allowance(hold.cycle, row.cycle)
    taken = hold.credits_settled if is_present else bonus
    _append(
        session,
        row,
        correction,
        action=actions.CORRECTION_ACTION,
        hold_id=hold.id,
        credits_used=hold.credits_settled,
        credits_delta=-taken,
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


def _reread(session: Session, row: Row[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]]:
    return session.execute(select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == row.id)).one()
