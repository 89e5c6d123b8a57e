"""Batches are small while people are there, and large when nobody is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sketchmaker.credits import charges
from sketchmaker.database import Database
from sketchmaker.scheduling.pace import (
    BUSY_BATCH,
    BUSY_FROM,
    LONGEST_REST,
    LOOKED_AT,
    QUIET_BATCH,
    Pace,
    batch_size,
    rest_seconds,
)
from tests.support.people import subscriber

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (None, BUSY_BATCH),
        (0.0, QUIET_BATCH),
        (BUSY_FROM - 0.1, QUIET_BATCH),
        (BUSY_FROM, BUSY_BATCH),
        (5_000.0, BUSY_BATCH),
    ],
)
def test_the_size_goes_by_what_others_do(others: float | None, expected: int) -> None:
    assert batch_size(others) == expected


@pytest.mark.parametrize(
    ("others", "batch", "expected"),
    [
        (None, 0.2, 0.0),
        (0.0, 0.2, 0.0),
        (BUSY_FROM, 0.2, 0.2),
        (BUSY_FROM, 60.0, LONGEST_REST),
        (BUSY_FROM, -3600.0, 0.0),  # the clock was set back meanwhile
    ],
)
def test_the_rest_is_as_long_as_the_batch_while_people_are_there(
    others: float | None, batch: float, expected: float
) -> None:
    assert rest_seconds(others, batch) == expected


def test_nothing_is_known_at_first_so_batches_begin_small(database: Database) -> None:
    with database.transaction() as session:
        assert Pace().next_batch(session, NOW) == BUSY_BATCH


def test_when_nobody_else_does_anything_batches_grow(database: Database) -> None:
    pace = Pace()
    with database.transaction() as session:
        pace.next_batch(session, NOW)
        pace.done(database.dialect, 0)
    with database.transaction() as session:
        assert pace.next_batch(session, NOW + LOOKED_AT) == QUIET_BATCH


def test_when_people_charge_batches_shrink_again(database: Database) -> None:
    person = subscriber(database, now=NOW, plan="pro")
    pace = Pace()
    with database.transaction() as session:
        pace.next_batch(session, NOW)
    with database.transaction() as session:
        pace.next_batch(session, NOW + LOOKED_AT)
    for _ in range(150):
        with database.transaction() as session:
            charges.charge(session, user_id=person.user_id, credits=1, action="images", now=NOW)
            if database.dialect == "postgresql":  # do not wait for its counters
                session.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.transaction() as session:
        size = pace.next_batch(session, NOW + LOOKED_AT + timedelta(seconds=2))

    assert size == BUSY_BATCH
