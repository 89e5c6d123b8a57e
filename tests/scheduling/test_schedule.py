"""The schedule as APScheduler and a shell see it: a view of the rows, and nothing but."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.scheduling import scheduled_jobs
from sketchmaker.scheduling.job_store import JobsComeFromSubscriptions, SubscriptionJobStore
from sketchmaker.scheduling.reset_runner import ResetRunner
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support.people import reread, subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def store_of(database: Database, clock: ManualClock) -> SubscriptionJobStore:
    store = SubscriptionJobStore(database, clock, ResetRunner(database, clock))
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


def test_jobs_can_not_be_changed_apart_from_their_rows(
    sqlite_database: Database, clock: ManualClock
) -> None:
    person = subscriber(sqlite_database, now=JOINED)
    store = store_of(sqlite_database, clock)
    job = store.lookup_job(f"credit_reset_{person.id}")
    assert job is not None

    for forbidden in (store.add_job, store.update_job):
        with pytest.raises(JobsComeFromSubscriptions, match="Change the subscription"):
            forbidden(job)
    with pytest.raises(JobsComeFromSubscriptions):
        store.remove_job(job.id)
    with pytest.raises(JobsComeFromSubscriptions):
        store.remove_all_jobs()
    assert reread(sqlite_database, person).is_active


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


def test_a_database_that_is_away_does_not_end_the_schedulers_thread(
    sqlite_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(sqlite_database, clock)
    gone = Database("sqlite:////nonexistent-folder/none.db")
    monkeypatch.setattr(store, "_database", gone)

    assert store.get_next_run_time() == clock.now() + timedelta(seconds=5)


def test_scheduled_jobs_are_counted_indexed_sliced_and_looped_over(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_jobs, "READ_AT_ONCE", 3)
    people = [subscriber(database, now=JOINED + timedelta(hours=n % 4)) for n in range(8)]
    jobs = SubscriptionScheduler(database, clock).get_scheduled_jobs()

    assert len(jobs) == 8
    listed = list(jobs)
    assert sorted(job.subscription_id for job in listed) == sorted(one.id for one in people)
    assert [job.next_run_time for job in listed] == sorted(job.next_run_time for job in listed)
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
