"""Chores of two processes meet in the database: both are done, and neither counts as failing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from sqlalchemy import text

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.scheduling.housekeeper import Chore, Housekeeper
from tests.support.people import reread, subscriber

TAKE = text("UPDATE user_subscriptions SET cycle = cycle + 1 WHERE id = :id")


@pytest.mark.race
def test_two_chores_that_deadlock_are_both_done(
    postgres_database: Database, clock: ManualClock
) -> None:
    people = [subscriber(postgres_database, now=clock.now()) for _ in range(2)]
    both_have_one = Barrier(2)
    meetings: list[int] = []

    def crossing(first: int, second: int) -> Chore:
        def chore(_now: datetime) -> None:
            with postgres_database.transaction() as session:
                session.execute(TAKE, {"id": people[first].id})
                if len(meetings) < 2:
                    meetings.append(first)
                    both_have_one.wait(120)
                session.execute(TAKE, {"id": people[second].id})

        return chore

    def keeper(first: int, second: int) -> Housekeeper:
        name = f"process-{first}"
        return Housekeeper(
            postgres_database,
            clock,
            ProcessIdentity(name=name, host="here", pid=first + 1, started_at=clock.now()),
            is_alive=lambda: True,
            revive=lambda: True,
            chores={"crossing": crossing(first, second)},
            every_second={},
        )

    keepers = [keeper(0, 1), keeper(1, 0)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: one.round(), keepers))

    assert [one.vitals.failing for one in keepers] == [{}, {}]
    assert [reread(postgres_database, person).cycle for person in people] == [2, 2]
