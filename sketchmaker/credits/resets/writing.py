"""Planned resets, written: each row as it becomes, and all that a reset adds to other tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Update, bindparam, insert, update
from sqlalchemy.orm import Session

from sketchmaker.credits.resets.reset_plan import PlannedReset
from sketchmaker.credits.rows.state import columns_of, numbers_of
from sketchmaker.credits.rules.errors import ResetConflict
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.rules.new_cycle import GRACE, RESET_EVENT, reset_entry, reset_event
from sketchmaker.credits.tables import LEDGER, SUBSCRIPTIONS
from sketchmaker.record import outbox
from sketchmaker.record.outbox import Event

RECORDS = ((LEDGER, reset_entry),)
"""What a reset adds to which table, in its own transaction, be it one reset or a mass of them."""


@in_utc
def write_resets(session: Session, planned: list[PlannedReset], *, now: datetime) -> None:
    """Write resets, of at least one subscription.

    Raises:
        ResetConflict: a row is not as it was read; the transaction must be undone.
    """
    rows = [_parameters(reset) for reset in planned]
    changed = session.connection().execute(_statement(rows[0]), rows)
    if changed.rowcount != len(planned):
        raise ResetConflict(len(planned), changed.rowcount)
    steps = [step for reset in planned for step in reset.steps]
    for table, rule in RECORDS:
        added = [
            rule(columns_of(step.before), step.plan, step.boundary, now, now - GRACE)
            for step in steps
        ]
        rows = [as_json(row) for row in added]
        session.connection().execute(insert(table), rows)
        if table is LEDGER:
            outbox.add_all(session, RESET_EVENT, map(_event_of, rows), now=now)


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the instants among its facts as text, for JSON has none."""
    return {
        name: _worded(value) if isinstance(value, dict) else value for name, value in row.items()
    }


def _event_of(entry: dict[str, Any]) -> Event:
    told = reset_event(entry)
    subject, event_id = ("".join(map(str, told[name])) for name in ("subject", "event_id"))
    return Event(RESET_EVENT, subject, told["payload"], event_id)


def _worded(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in facts.items()
    }


def _parameters(reset: PlannedReset) -> dict[str, Any]:
    expected = {**numbers_of(reset.before), "next_credit_reset": reset.before.next_reset}
    return {
        "which": reset.before.id,
        **{f"{_OLD}{name}": value for name, value in expected.items()},
        **{f"{_NEW}{name}": value for name, value in reset.steps[-1].changes.items()},
    }


def _statement(parameters: dict[str, Any]) -> Update:
    # The lock makes the comparison superfluous on our own databases; see `state.write`.
    unchanged = [
        SUBSCRIPTIONS.c[name.removeprefix(_OLD)] == bindparam(name)
        for name in parameters
        if name.startswith(_OLD)
    ]
    changes: dict[str, BindParameter[Any]] = {
        name.removeprefix(_NEW): bindparam(name) for name in parameters if name.startswith(_NEW)
    }
    which = SUBSCRIPTIONS.c.id == bindparam("which")
    return update(SUBSCRIPTIONS).where(which, *unchanged).values(changes)


_OLD, _NEW = "old_", "new_"
