"""The runner resets what is due, whatever one bad row may do."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text

from sketchmaker.clock import ManualClock
from sketchmaker.credits.resets import guard
from sketchmaker.database import Database
from sketchmaker.scheduling.job_store import SubscriptionJobStore
from sketchmaker.scheduling.reset_runner import ResetRunner
from tests.support.conflicts import break_at_first
from tests.support.people import assert_books_close, reread, subscriber
from tests.support.planting import plant

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def test_everything_due_is_reset_batch_after_batch(database: Database, clock: ManualClock) -> None:
    people = [subscriber(database, now=JOINED) for _ in range(7)]
    clock.set(RESET)

    assert ResetRunner(database, clock, batch=3).run() == 7

    assert {reread(database, person).cycle for person in people} == {1}
    assert_books_close(database)


def test_one_bad_row_is_suspended_and_retried_while_the_others_go_on(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *others = [subscriber(database, now=JOINED) for _ in range(5)]
    break_zone(database, bad.id, "Mars/Olympus")
    clock.set(RESET)
    runner = ResetRunner(database, clock)

    assert runner.run() == 4
    assert {reread(database, person).cycle for person in others} == {1}
    assert suspended(database) == {bad.id}
    assert f"credit_reset_{bad.id} failed" in caplog.text

    break_zone(database, bad.id, "UTC")
    assert runner.run() == 0
    clock.advance(timedelta(minutes=1))
    assert runner.run() == 1
    assert suspended(database) == set()
    assert reread(database, bad).cycle == 1


BROKEN_ROWS = {
    # An importer's epoch: SQLite keeps it as a number, PostgreSQL has no such thing.
    "sqlite": [
        "UPDATE user_subscriptions SET subscription_start = '1737000000' WHERE id = {id}",
        "UPDATE user_subscriptions SET next_credit_reset = '1737000000' WHERE id = {id}",
    ],
    "postgresql": [
        "UPDATE user_subscriptions SET subscription_start = '-infinity' WHERE id = {id}",
        "UPDATE user_subscriptions SET next_credit_reset = '-infinity' WHERE id = {id}",
    ],
}


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("batch", [1, 1000])
def test_a_row_with_an_impossible_date_is_suspended_and_stops_no_other(
    database: Database, clock: ManualClock, which: int, batch: int
) -> None:
    bad, healthy = (subscriber(database, now=JOINED) for _ in range(2))
    plant(database, BROKEN_ROWS[database.dialect][which].format(id=bad.id))
    clock.set(RESET)
    store = SubscriptionJobStore(database, clock)
    store.start(BackgroundScheduler(timezone="UTC"), "credit_resets")

    (job,) = store.get_due_jobs(RESET)
    assert job is not None
    assert ResetRunner(database, clock, batch=batch).run() == 1

    assert reread(database, healthy).cycle == 1
    with database.reading() as session:
        (aside,) = guard.all_suspended(session)
    assert aside.subscription_id == bad.id
    assert aside.error


def test_a_batch_that_lost_a_race_is_tried_again_and_nobody_is_suspended(
    postgres_database: Database, clock: ManualClock
) -> None:
    people = [subscriber(postgres_database, now=JOINED) for _ in range(3)]
    break_at_first(postgres_database, "40P01", times=2)
    clock.set(RESET)

    assert ResetRunner(postgres_database, clock).run() == 3

    assert {reread(postgres_database, person).cycle for person in people} == {1}
    assert suspended(postgres_database) == set()


def test_the_log_tells_of_each_reset_by_its_jobs_name(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    person = subscriber(database, now=JOINED)
    clock.set(RESET + timedelta(hours=2))

    ResetRunner(database, clock).run()

    assert f"credit_reset_{person.id}: cycle 1, 10 credits" in caplog.text
    assert "caught up" in caplog.text


def suspended(database: Database) -> set[int]:
    with database.reading() as session:
        return {row.subscription_id for row in guard.all_suspended(session)}


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
