"""Schedulers that really run: by the machine's clock, in threads and in processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dateutil.relativedelta import relativedelta
from sqlalchemy import func, select

from sketchmaker.clock import ManualClock, SystemClock
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.credits.tables import UsageHistory, UserSubscription
from sketchmaker.database import Database
from sketchmaker.record import sealing, trail
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.scheduling import job_store
from sketchmaker.scheduling.health import scheduler_health
from sketchmaker.scheduling.heartbeats import ALIVE_FOR
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support.actors import SOMEBODY
from tests.support.people import (
    add_subscriber,
    add_user,
    assert_books_close,
    ledger_of,
    reread,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@contextmanager
def running(database: Database) -> Iterator[SubscriptionScheduler]:
    scheduler = SubscriptionScheduler(database, SystemClock())
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown()


def due_at(database: Database, moment: datetime) -> UserSubscription:
    """A subscription whose next reset is at `moment`, one month after it began."""
    # One transaction: a scheduler that runs already must not see it with another date.
    with database.transaction() as session:
        person = add_subscriber(session, now=moment - relativedelta(months=1))
        person.next_credit_reset = moment
    return person


def resets_of(database: Database) -> int:
    with database.reading() as session:
        counted = select(func.count()).where(UsageHistory.action == "monthly_reset")
        return session.execute(counted).scalar_one()


def test_after_two_hours_down_the_reset_is_done_at_start_and_marked(database: Database) -> None:
    person = due_at(database, SystemClock().now() - timedelta(hours=2))

    with running(database):
        wait_until(lambda: resets_of(database) == 1, what="the reset")

    assert reread(database, person).cycle == 1
    assert ledger_of(database, person)[-1].details["caught_up"] is True


def test_a_subscription_made_by_another_process_is_reset_at_its_time(database: Database) -> None:
    with running(database) as scheduler:
        wait_until(lambda: scheduler.is_running, what="the start")
        moment = SystemClock().now() + timedelta(seconds=7)
        person = due_at(database, moment)  # nobody tells the scheduler
        wait_until(lambda: resets_of(database) == 1, what="the reset")

    row = ledger_of(database, person)[-1]
    assert timedelta(0) <= row.created_at - moment < timedelta(seconds=2)
    assert row.details["caught_up"] is False


def test_postgres_tells_the_scheduler_at_once_of_a_date_that_another_process_wrote(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of its own accord it would look again only long after this test has lost its patience.
    monkeypatch.setattr(job_store, "POLL_EVERY", timedelta(hours=1))
    with running(postgres_database) as scheduler:
        wait_until(lambda: scheduler.is_running, what="the start")
        due_at(postgres_database, SystemClock().now() - timedelta(seconds=1))
        wait_until(lambda: resets_of(postgres_database) == 1, what="the reset")


def test_a_running_scheduler_can_be_seen_in_the_database_and_a_stopped_one_is_gone(
    database: Database,
) -> None:
    clock = SystemClock()

    with running(database):
        wait_until(lambda: health(database, clock.now()), what="the heartbeat")
        assert not health(database, clock.now() + ALIVE_FOR + timedelta(seconds=11))

    assert not health(database, clock.now())


def health(database: Database, now: datetime) -> bool:
    with database.reading() as session:
        return scheduler_health(session, now=now).is_alive


def test_starting_twice_and_stopping_twice_is_harmless(
    sqlite_database: Database, clock: ManualClock
) -> None:
    scheduler = SubscriptionScheduler(sqlite_database, clock)

    scheduler.start()
    scheduler.start()
    assert scheduler.is_running
    scheduler.shutdown()
    scheduler.shutdown()
    assert not scheduler.is_running


@pytest.mark.race
@pytest.mark.slow
def test_two_processes_with_schedulers_make_exactly_500_resets_of_500_due(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    processes = [start_scheduler(database_url, tmp_path / str(n)) for n in range(2)]
    try:
        wait_until(lambda: alive(database) == 2, what="the start of both")
        # Due one after the other within four seconds, so that both are woken again and again.
        first = SystemClock().now() + timedelta(seconds=2)
        make_500_due(database, first, first + timedelta(seconds=4))
        wait_until(lambda: resets_of(database) >= 500, what="500 resets")
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(120) for process in processes]

    assert codes == [0, 0]
    assert resets_of(database) == 500
    with database.reading() as session:
        cycles = set(session.scalars(select(UserSubscription.cycle)))
    assert cycles == {1}
    assert_books_close(database)


def alive(database: Database) -> int:
    with database.reading() as session:
        health = scheduler_health(session, now=SystemClock().now())
    return sum(process.is_alive for process in health.processes)


def make_500_due(database: Database, first: datetime, last: datetime) -> None:
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=first, by=SOMEBODY, reason="A test.")
        for n in range(500):
            moment = first + (last - first) * n / 499
            user = add_user(session, now=first)
            made = subscriptions.start(
                session,
                user_id=user.id,
                now=moment - relativedelta(months=1),
                by=SOMEBODY,
                reason="A test.",
            )
            made.next_credit_reset = moment


def start_scheduler(database_url: str, data_folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sketchmaker", "scheduler"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url, "SKETCHMAKER_DATA": str(data_folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_what_is_written_into_the_audit_trail_is_sealed_meanwhile(
    sqlite_database: Database,
) -> None:
    def is_sealed() -> bool:
        with sqlite_database.reading() as session:
            return [entry["sequence"] for entry in sealing.sealed_entries(session)] == [1]

    with running(sqlite_database):
        now, by = SystemClock().now(), Actor.program("test")
        with sqlite_database.transaction() as session:
            plan = Subject("plan", 1, "Free")
            trail.record(session, by, "made", plan, before=None, after=None, reason="", now=now)
        wait_until(is_sealed, what="sealing")
