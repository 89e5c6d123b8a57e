"""Taking the words off a person's books when they leave. Amounts, dates and kinds stay."""

from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.actions import ENGINE_ACTIONS
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.plan_versions import OVERRIDES
from sketchmaker.credits.tables.side import KEYS

FACTS_OF_A_SPEND: Final = frozenset({"grants", "held", "lapsed", "outcome", "correction", "by"})
"""What the engine itself writes about a spend; everything else is words."""

ERASED: Final = "Erased with the account."


def erase_words(session: Session, *, user_id: int) -> None:
    """Erase prompts, reasons and request keys. No amount changes, and the books still close.

    Call it after the last verb for this user: later rows would have words again.
    """
    session.execute(delete(KEYS).where(KEYS.c.user_id == user_id))
    session.execute(update(HOLDS).where(HOLDS.c.user_id == user_id).values(details={}))
    session.execute(update(GRANTS).where(GRANTS.c.user_id == user_id).values(reason=ERASED))
    theirs = select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.user_id == user_id)
    session.execute(delete(OVERRIDES).where(OVERRIDES.c.subscription_id.in_(theirs)))
    query = select(LEDGER.c.id, LEDGER.c.action, LEDGER.c.metadata)
    rows = session.execute(query.where(LEDGER.c.user_id == user_id)).all()
    kept = [{"row": row.id, "facts": _facts(row.action, row.metadata)} for row in rows]
    if kept:
        statement = update(LEDGER).where(LEDGER.c.id == bindparam("row"))
        facts = bindparam("facts", type_=LEDGER.c["metadata"].type)
        session.connection().execute(statement.values({"metadata": facts}), kept)


def _facts(action: str, details: dict[str, Any]) -> dict[str, Any]:
    if action in ENGINE_ACTIONS:
        return {name: fact for name, fact in details.items() if name != "reason"}
    return {name: fact for name, fact in details.items() if name in FACTS_OF_A_SPEND}
