"""People who change things, and things that are changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Subject, Through
from sketchmaker.record.trail import record

NOW = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
GRACE = Actor(1, "grace", "admin", Through.CONSOLE, "192.0.2.7", "req-1")
ADA = Subject.user(42, "ada")

Writer = Callable[..., None]


@pytest.fixture
def write(database: Database) -> Writer:
    """Write so many entries about ada, a minute apart, in a transaction of their own."""

    def write_some(count: int = 1, by: Actor = GRACE, subject: Subject = ADA) -> None:
        with database.transaction() as session:
            for number in range(count):
                record(
                    session,
                    by,
                    "role_changed",
                    subject,
                    before={"role": "user", "number": number},
                    after={"role": "admin"},
                    reason=f"She helps now ({number}).",
                    now=NOW + timedelta(minutes=number),
                )

    return write_some
