"""A reset tells whoever wants to be told, in its own transaction; a mass of them too."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.resets import mass_resets
from sketchmaker.credits.tables import LEDGER
from sketchmaker.database import Database
from sketchmaker.record import outbox
from sketchmaker.record.outbox_tables import OUTBOX
from tests.credits.test_mass_resets import ALL, NOW, all_ids, one_by_one, populate
from tests.support.people import add_subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TOLD = ("event_id", "deliverer", "kind", "subject", "payload", "created_at", "due_at", "state")


def subscribe(session: Session, *deliverers: str) -> None:
    for deliverer in deliverers:
        outbox.set_routes(session, deliverer, ["credits.reset"])


def events(session: Session) -> list[Row[Any]]:
    """All that the outbox has, without its own numbers."""
    order = (OUTBOX.c.event_id, OUTBOX.c.deliverer)
    return list(session.execute(select(*(OUTBOX.c[name] for name in TOLD)).order_by(*order)))


def resets_written(session: Session) -> int:
    written = select(func.count()).select_from(LEDGER).where(LEDGER.c.action == "monthly_reset")
    return session.scalar(written) or 0


def test_a_mass_of_resets_tells_the_same_as_one_by_one(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 400)
        subscribe(session, "post", "pigeon")
        with session.begin_nested() as savepoint:
            one_by_one(session)
            expected = events(session)
            savepoint.rollback()

        resets.reset_due(session, now=NOW, limit=ALL)

        assert events(session) == expected
        assert len(expected) == 2 * resets_written(session) > 400


def test_resets_of_which_nobody_is_told_write_no_event(database: Database) -> None:
    with database.transaction() as session:
        populate(session, 60)
        outbox.set_routes(session, "post", ["something.else"])
        mass_resets.reset_plain(session, all_ids(session), now=NOW)
        resets.reset_due(session, now=NOW, limit=ALL)
        assert resets_written(session) > 30
        assert events(session) == []


@pytest.mark.parametrize("months", [1, 3])
def test_the_event_says_what_the_ledger_says(database: Database, months: int) -> None:
    with database.transaction() as session:
        person = add_subscriber(session, now=JOINED)
        subscribe(session, "post")
        resets.reset_due(session, now=JOINED.replace(month=1 + months))
        found = events(session)
        reset = LEDGER.c.action == "monthly_reset"
        rows = session.execute(select(LEDGER).where(reset).order_by(LEDGER.c.cycle)).all()
    assert [row.payload for row in found] == [
        {
            "user_id": person.user_id,
            "subscription_id": person.id,
            "cycle": row.cycle,
            "available": row.balance_after,
            "facts": row.metadata,
        }
        for row in rows
    ]
    names = [f"credits.reset/{person.id}/{cycle}" for cycle in range(1, months + 1)]
    assert [row.event_id for row in found] == names
    assert {row.subject for row in found} == {outbox.subject_of(person.user_id)}
