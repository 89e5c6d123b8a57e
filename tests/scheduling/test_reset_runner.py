"""The runner resets what is due, whatever one bad row may do."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sketchmaker.clock import ManualClock
from sketchmaker.credits import guard
from sketchmaker.database import Database
from sketchmaker.scheduling.reset_runner import ResetRunner
from tests.support.people import assert_books_close, reread, subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def test_everything_due_is_reset_batch_after_batch(database: Database, clock: ManualClock) -> None:
    people = [subscriber(database, now=JOINED) for _ in range(7)]
    clock.set(RESET)

    assert ResetRunner(database, clock, batch=3).run() == 7

    assert {reread(database, person).cycle for person in people} == {1}
    assert_books_close(database)


def test_one_bad_row_is_set_aside_and_tried_again_while_the_others_go_on(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *others = [subscriber(database, now=JOINED) for _ in range(5)]
    break_zone(database, bad.id, "Mars/Olympus")
    clock.set(RESET)
    runner = ResetRunner(database, clock)

    assert runner.run() == 4
    assert {reread(database, person).cycle for person in others} == {1}
    assert set_aside(database) == {bad.id}
    assert f"credit_reset_{bad.id} failed" in caplog.text

    break_zone(database, bad.id, "UTC")
    assert runner.run() == 0
    clock.advance(timedelta(minutes=1))
    assert runner.run() == 1
    assert set_aside(database) == set()
    assert reread(database, bad).cycle == 1


def test_the_log_tells_of_each_reset_by_its_jobs_name(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    person = subscriber(database, now=JOINED)
    clock.set(RESET + timedelta(hours=2))

    ResetRunner(database, clock).run()

    assert f"credit_reset_{person.id}: cycle 1, 10 credits" in caplog.text
    assert "caught up" in caplog.text


def set_aside(database: Database) -> set[int]:
    with database.reading() as session:
        return {row.subscription_id for row in guard.all_set_aside(session)}


def break_zone(database: Database, subscription_id: int, zone: str) -> None:
    with database.transaction() as session:
        session.execute(
            text("UPDATE user_subscriptions SET time_zone = :zone WHERE id = :id"),
            {"zone": zone, "id": subscription_id},
        )


def test_a_runner_that_is_told_to_stop_finishes_its_batch_and_leaves_the_rest_due(
    database: Database, clock: ManualClock
) -> None:
    for _ in range(5):
        subscriber(database, now=JOINED)
    clock.set(RESET)
    runner = ResetRunner(database, clock, batch=2, on_reset=lambda _done: runner.stop())

    assert runner.run() == 2
    assert ResetRunner(database, clock).run() == 3
    assert_books_close(database)
