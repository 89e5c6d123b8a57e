"""The schedule as APScheduler and a shell see it: a view of the rows, and nothing but."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from sketchmaker.clock import ManualClock
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.rules.errors import InvalidResetDate
from sketchmaker.database import Database
from sketchmaker.scheduling import scheduled_jobs
from sketchmaker.scheduling.durable_scheduler import DurableScheduler
from sketchmaker.scheduling.job_store import JobRefused, SubscriptionJobStore
from sketchmaker.scheduling.reset_runner import ResetRunner, reset_user_credits
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support.people import reread, subscriber
from tests.support.waiting import wait_until

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def store_of(database: Database, clock: ManualClock) -> SubscriptionJobStore:
    store = SubscriptionJobStore(database, clock)
    store.start(BackgroundScheduler(timezone="UTC"), "credit_resets")
    return store


def test_a_subscription_has_its_job_by_existing(database: Database, clock: ManualClock) -> None:
    person = subscriber(database, now=JOINED)

    job = store_of(database, clock).lookup_job(f"credit_reset_{person.id}")

    assert job is not None
    assert job.next_run_time == RESET
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)


@pytest.mark.parametrize("name", ["credit_reset_0", "credit_reset_x", "credit_reset_99", "other"])
def test_other_names_have_no_job(database: Database, clock: ManualClock, name: str) -> None:
    subscriber(database, now=JOINED)

    assert store_of(database, clock).lookup_job(name) is None


def test_what_can_not_be_done_to_a_job_is_refused_with_the_reason(
    sqlite_database: Database, clock: ManualClock
) -> None:
    person = subscriber(sqlite_database, now=JOINED)
    with apscheduler(sqlite_database, clock) as scheduler:
        name = f"credit_reset_{person.id}"

        with pytest.raises(JobRefused, match="exists as long as its subscription"):
            scheduler.remove_job(name)
        with pytest.raises(JobRefused):
            scheduler.remove_all_jobs()
        with pytest.raises(JobRefused, match="come from active subscriptions"):
            add(scheduler, "credit_reset_99", RESET)
        with pytest.raises(JobRefused, match="come from active subscriptions"):
            add(scheduler, "something else", RESET)
        with pytest.raises(ConflictingIdError):
            add(scheduler, name, RESET, replace_existing=False)
        with pytest.raises(JobRefused, match="only that date"):
            scheduler.add_job(print, DateTrigger(RESET), id=name, replace_existing=True)
        with pytest.raises(JobRefused, match="only that date"):
            scheduler.reschedule_job(name, trigger="interval", days=3)
        with pytest.raises(InvalidResetDate, match="can't be moved"):
            add(scheduler, name, RESET + timedelta(days=60))

    assert reread(sqlite_database, person).next_credit_reset == RESET


def test_the_guides_add_job_leaves_the_date_that_is_there(
    database: Database, clock: ManualClock
) -> None:
    person = subscriber(database, now=JOINED)
    with apscheduler(database, clock) as scheduler:
        job = add(scheduler, f"credit_reset_{person.id}", person.get_next_reset_date())

        assert job.id == f"credit_reset_{person.id}"
    assert reread(database, person).next_credit_reset == RESET


def test_a_moved_job_moves_that_reset_and_no_other(database: Database, clock: ManualClock) -> None:
    person = subscriber(database, now=JOINED)
    with apscheduler(database, clock) as scheduler:
        name, earlier = f"credit_reset_{person.id}", RESET - timedelta(days=2)
        scheduler.reschedule_job(name, trigger=DateTrigger(earlier))
        assert scheduler.get_job(name).next_run_time == earlier
        scheduler.modify_job(name, next_run_time=RESET - timedelta(days=1))

    clock.set(RESET - timedelta(days=1))
    assert ResetRunner(database, clock).run() == 1
    assert reread(database, person).next_credit_reset == cycle_start(JOINED, 2)


def test_a_paused_job_waits_however_late_until_it_is_resumed(
    database: Database, clock: ManualClock
) -> None:
    person = subscriber(database, now=JOINED)
    clock.set(RESET - timedelta(seconds=1))
    with apscheduler(database, clock) as scheduler:
        name = f"credit_reset_{person.id}"
        scheduler.pause_job(name)
        clock.set(RESET)
        assert scheduler.get_job(name).next_run_time is None
        assert [job.id for job in scheduler.get_jobs()] == [name]
        assert ResetRunner(database, clock).run() == 0

        scheduler.resume_job(name)
        assert scheduler.get_job(name).next_run_time == RESET

    assert ResetRunner(database, clock).run() == 1


def test_every_reset_of_a_batch_is_announced_as_its_jobs_event(
    database: Database, clock: ManualClock
) -> None:
    people = [subscriber(database, now=JOINED) for _ in range(4)]
    executed: list[str] = []
    scheduler = SubscriptionScheduler(database, clock)
    scheduler.start()
    try:
        scheduler.apscheduler.add_listener(
            lambda event: executed.append(event.job_id), EVENT_JOB_EXECUTED
        )
        clock.set(RESET)
        scheduler.schedule_user_reset(people[0].id)
        wait_until(lambda: len(executed) >= 4, what="four events")
    finally:
        scheduler.shutdown()

    assert sorted(executed) == sorted(f"credit_reset_{person.id}" for person in people)


@contextmanager
def apscheduler(database: Database, clock: ManualClock) -> Iterator[Any]:
    """APScheduler over our store, started but standing still."""
    scheduler = DurableScheduler(SubscriptionJobStore(database, clock))
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()


def add(scheduler: Any, name: str, at: datetime, *, replace_existing: bool = True) -> Any:
    return scheduler.add_job(
        reset_user_credits, DateTrigger(at), id=name, replace_existing=replace_existing
    )


def test_a_due_job_is_given_out_once_until_its_run_has_ended(
    database: Database, clock: ManualClock
) -> None:
    person = subscriber(database, now=JOINED)
    subscriber(database, now=JOINED)
    store = store_of(database, clock)
    clock.set(RESET)

    (job,) = store.get_due_jobs(RESET)
    store.remove_job(job.id)  # as APScheduler does after submitting

    assert job.id == f"credit_reset_{person.id}"
    assert store.get_due_jobs(RESET) == []
    assert reread(database, person).cycle == 0


def test_the_store_wakes_at_the_reset_and_polls_before(
    database: Database, clock: ManualClock
) -> None:
    subscriber(database, now=JOINED)
    store = store_of(database, clock)

    clock.set(RESET - timedelta(days=3))
    assert store.get_next_run_time() == clock.now() + timedelta(seconds=5)
    clock.set(RESET - timedelta(seconds=2))
    assert store.get_next_run_time() == RESET


def test_a_clock_behind_the_machines_own_is_the_one_that_counts(
    database: Database, clock: ManualClock
) -> None:
    subscriber(database, now=JOINED)
    store = store_of(database, clock)
    clock.set(RESET - timedelta(seconds=2))
    machine = RESET + timedelta(days=400)

    assert store.get_due_jobs(machine) == []
    assert store.get_next_run_time() == machine + timedelta(seconds=2)


def test_a_database_that_is_away_is_looked_at_again_soon_by_the_same_thread(
    sqlite_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(sqlite_database, clock)
    gone = Database("sqlite:////nonexistent-folder/none.db")
    monkeypatch.setattr(store, "_database", gone)

    assert store.get_next_run_time() == clock.now() + timedelta(seconds=1)


def test_scheduled_jobs_are_counted_indexed_sliced_and_looped_over(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_jobs, "READ_AT_ONCE", 3)
    people = [subscriber(database, now=JOINED + timedelta(hours=n % 4)) for n in range(8)]
    jobs = SubscriptionScheduler(database, clock).get_scheduled_jobs()

    assert len(jobs) == 8
    listed = list(jobs)
    assert sorted(job.subscription_id for job in listed) == sorted(one.id for one in people)
    assert [job.due_at for job in listed] == sorted(job.due_at for job in listed)
    assert jobs[0] == listed[0]
    assert jobs[-1] == listed[-1]
    assert jobs[2:7:2] == listed[2:7:2]
    with pytest.raises(IndexError):
        jobs[8]


def test_scheduling_a_reset_answers_whether_there_is_one(
    database: Database, clock: ManualClock
) -> None:
    person = subscriber(database, now=JOINED)
    scheduler = SubscriptionScheduler(database, clock)

    assert scheduler.schedule_user_reset(person.id) is True
    assert scheduler.schedule_user_reset(person.id + 1) is False
    assert len(scheduler.get_scheduled_jobs()) == 1
