"""What somebody decided about a subscription, with its entry in the audit trail.

`move` is `state.move` for managing verbs: a verb can't change what somebody has and forget to say
who did it and why.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker.credits.rows import state
from sketchmaker.credits.rows.plans import display_name_of
from sketchmaker.credits.rows.state import State
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record

_SAID_ELSEWHERE = {"by", "reason"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided on a change, why, and when."""

    by: Actor
    reason: str
    now: datetime


def move_and_note(
    session: Session,
    before: State,
    after: State,
    decision: Decision,
    *,
    action: str,
    details: dict[str, Any],
    **entry: Any,
) -> None:
    """Write the new state, the ledger row that explains it, and the entry in the audit trail.

    Raises:
        ChangedMeanwhile: as `state.move`.
        ReasonMissing: as `record`.
    """
    facts = {**details, "by": decision.by.account_id}
    state.move(session, before, after, action=action, now=decision.now, details=facts, **entry)
    note(session, before, after, decision, action=action, facts=details)


def note(
    session: Session,
    before: State | None,
    after: State,
    decision: Decision,
    *,
    action: str,
    facts: dict[str, Any],
) -> None:
    """Write the entry of a change: what of the subscription differs, and the facts of it."""
    old, new = {} if before is None else _plain(before), _plain(after)
    different = [name for name, value in new.items() if before is None or value != old[name]]
    plan = display_name_of(session, after.plan_id)
    told = {name: fact for name, fact in facts.items() if name not in _SAID_ELSEWHERE}
    record(
        session,
        decision.by,
        action,
        Subject("subscription", after.id, plan, after.user_id),
        before=None if before is None else {name: old[name] for name in different},
        after={name: new[name] for name in different} | told,
        reason=decision.reason,
        now=decision.now,
    )


def _plain(moment: State) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in state.values_of(moment).items()
    }
