"""The whole engine against a simple model of its rules: any verb, any order, time back and forth.

Two users share the tables. On PostgreSQL an actor may also lock one of them and take their time
over several verbs, while the other user's go on and resets pass the locked one over. After every
step the rows, the statements, the grants, the holds and the ledger are what the model says.

For longer: `--hypothesis-profile=soak`, as `make soak` does.
"""

from collections.abc import Callable
from time import monotonic

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from sketchmaker.database import Database
from tests.support.engine_machine import START, EngineMachine, Tally, add_plans

STEPS = 20_000
"""On both databases together, at the least."""
STEPS_OF_AN_EXAMPLE = 50
EXAMPLES = 245

pytestmark = pytest.mark.slow


@pytest.fixture
def quick_database(database: Database) -> Database:
    """Not safe from power cuts: that is proved elsewhere, and here it would take the most time."""

    def no_waiting(connection: object, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]

    if database.dialect == "sqlite":
        event.listen(database.engine, "connect", no_waiting)
    return database


def test_whatever_happens_the_engine_keeps_the_rules(
    quick_database: Database, record_property: Callable[[str, object], None]
) -> None:
    add_plans(quick_database, now=START)
    tally = Tally()
    machine = type("Machine", (EngineMachine,), {"database": quick_database, "tally": tally})
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
