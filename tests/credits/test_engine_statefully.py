"""The whole engine against a simple model of its rules: any verb, any order, time back and forth.

Two users share the tables. On PostgreSQL an actor may also lock one of them and take their time
over several verbs, while the other user's go on and resets pass the locked one over. After every
step the rows, the statements, the grants, the holds and the ledger are what the model says.

In every other life time only goes forward, nobody does any chore, and a second engine lives the
same life in a database of its own: there every reset, every end of a hold and of a grant is written
at its instant. Answers, refusals and statements must be equal after every step; and once the first
engine's chores are done, at the end of the life, so must all rows.

For longer: `--hypothesis-profile=soak`, as `make soak` does.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from sketchmaker.database import Database
from tests.support.databases import Databases
from tests.support.engine_machine import START, EngineMachine, Tally, add_plans

STEPS = 20_000
"""On both databases together, at the least."""
STEPS_OF_AN_EXAMPLE = 50
EXAMPLES = 245

pytestmark = pytest.mark.slow


@pytest.fixture
def quick_database(database: Database) -> Database:
    """Where the lives are lived."""
    return _quick(database)


@pytest.fixture
def twin_database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    """Where the same lives are lived and nothing is put off."""
    database = Database(databases.sqlite(tmp_path))
    yield _quick(database)
    database.close()


def test_whatever_happens_the_engine_keeps_the_rules(
    quick_database: Database,
    twin_database: Database,
    record_property: Callable[[str, object], None],
) -> None:
    tally = Tally()
    parts = {"database": quick_database, "twin_database": twin_database, "tally": tally}
    machine = type("Machine", (EngineMachine,), parts)
    for database in (quick_database, twin_database):
        add_plans(database, now=START)
    began = monotonic()

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(EXAMPLES, settings().max_examples),
            stateful_step_count=STEPS_OF_AN_EXAMPLE,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    seconds = monotonic() - began
    record_property("did", f"{tally.steps:,} steps in {tally.examples:,} lives, {seconds:.0f} s")
    assert tally.steps >= STEPS // 2


def _quick(database: Database) -> Database:
    """Not safe from power cuts: that is proved elsewhere, and here it would take the most time."""

    def no_waiting(connection: object, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]

    if database.dialect == "sqlite":
        event.listen(database.engine, "connect", no_waiting)
    return database
