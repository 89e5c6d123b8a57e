"""Batches are small while people are there, and large when nobody is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sketchmaker.credits import resets
from sketchmaker.credits.spending import charges
from sketchmaker.database import Database
from sketchmaker.scheduling.pace import LONGEST_REST, MANNERS, QUIET_BATCH, Pace
from tests.support.people import subscriber

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LOOKED_AT = max(manners.counted_for for manners in MANNERS.values())


@pytest.mark.parametrize("dialect", MANNERS)
@pytest.mark.parametrize(
    ("share", "is_large"),
    [(None, False), (0.0, True), (0.99, True), (1.0, False), (100.0, False)],
)
def test_the_size_goes_by_what_others_do(
    dialect: str,
    share: float | None,
    is_large: bool,  # noqa: FBT001 - a column of the table
) -> None:
    others = None if share is None else share * MANNERS[dialect].busy_from
    size = QUIET_BATCH if is_large else MANNERS[dialect].busy_batch
    assert Pace(dialect).batch_size(others) == size


@pytest.mark.parametrize("dialect", MANNERS)
@pytest.mark.parametrize(
    ("share", "batch", "expected"),
    [
        (None, 0.2, 0.0),
        (0.0, 0.2, 0.0),
        (1.0, 0.2, 0.2),
        (1.0, 60.0, LONGEST_REST),
        (1.0, -3600.0, 0.0),  # the clock was set back meanwhile
    ],
)
def test_the_rest_is_as_long_as_the_batch_while_people_are_there(
    dialect: str, share: float | None, batch: float, expected: float
) -> None:
    others = None if share is None else share * MANNERS[dialect].busy_from
    assert Pace(dialect).rest_seconds(others, batch) == expected


def test_nothing_is_known_at_first_so_batches_begin_small(database: Database) -> None:
    with database.transaction() as session:
        size = Pace(database.dialect).next_batch(session, NOW)
    assert size == MANNERS[database.dialect].busy_batch


def test_when_nobody_else_does_anything_batches_grow(database: Database) -> None:
    pace = Pace(database.dialect)
    with database.transaction() as session:
        pace.next_batch(session, NOW)
        pace.done()
    with database.transaction() as session:
        assert pace.next_batch(session, NOW + LOOKED_AT) == QUIET_BATCH


def test_the_resets_of_others_are_not_people(sqlite_database: Database) -> None:
    people = [subscriber(sqlite_database, now=NOW) for _ in range(20)]
    pace, after = Pace("sqlite"), people[0].next_credit_reset
    with sqlite_database.transaction() as session:
        pace.next_batch(session, after)
    with sqlite_database.transaction() as session:
        assert resets.reset_due(session, now=after).count == len(people)
    with sqlite_database.transaction() as session:
        assert pace.next_batch(session, after + LOOKED_AT) == QUIET_BATCH


def test_when_people_charge_batches_shrink_again(database: Database) -> None:
    person = subscriber(database, now=NOW, plan="pro")
    pace = Pace(database.dialect)
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

    assert size == MANNERS[database.dialect].busy_batch
