"""Nothing ends the scheduler's thread: not a slow store, not a broken one, not a shutdown."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from sketchmaker.clock import SystemClock
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from sketchmaker.scheduling import housekeeper, watch
from sketchmaker.scheduling.health import scheduler_health
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.scheduling.housekeeper import SCHEDULER_THREAD, Housekeeper
from sketchmaker.scheduling.job_store import SubscriptionJobStore
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support.people import add_subscriber, assert_books_close, reread
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LATE_SECONDS = 0.15
PATIENCE_SECONDS = 30

STORE_METHODS = ("get_due_jobs", "get_next_run_time", "remove_job")
"""Those that APScheduler's thread calls."""


class PlantedStore(SubscriptionJobStore):
    """The store of the product; a test plants something before or after one of its methods."""

    plants: dict[tuple[str, str], Any]

    def get_due_jobs(self, now: Any) -> Any:
        return self._planted("get_due_jobs", now)

    def get_next_run_time(self) -> Any:
        return self._planted("get_next_run_time")

    def remove_job(self, job_id: str) -> Any:
        return self._planted("remove_job", job_id)

    def _planted(self, method: str, *arguments: Any) -> Any:
        self.plants.get((method, "before"), lambda: None)()
        result = getattr(super(), method)(*arguments)
        self.plants.get((method, "after"), lambda: None)()
        return result


class Once:
    """Raises the error on the given call, and on no other."""

    def __init__(self, error: BaseException, *, on_call: int = 1) -> None:
        self._error, self._calls_left = error, on_call

    def __call__(self) -> None:
        self._calls_left -= 1
        if self._calls_left == 0:
            raise self._error


@pytest.fixture
def plants(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    planted: dict[tuple[str, str], Any] = {}
    monkeypatch.setattr(PlantedStore, "plants", planted, raising=False)
    monkeypatch.setattr(housekeeper, "BEAT_EVERY", timedelta(seconds=0.2))
    return planted


@contextmanager
def running(database: Database) -> Iterator[SubscriptionScheduler]:
    scheduler = SubscriptionScheduler(database, SystemClock(), store_type=PlantedStore)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown()


def due_in(database: Database, *seconds: float) -> list[UserSubscription]:
    """Subscriptions that fall due one after the other, so many seconds from now."""
    now, people = SystemClock().now(), []
    for each in seconds:
        moment = now + timedelta(seconds=each)
        # One transaction: a scheduler that runs already must not see it with another date.
        with database.transaction() as session:
            person = add_subscriber(session, now=moment - relativedelta(months=1))
            person.next_credit_reset = moment
        people.append(person)
    return people


def await_resets(database: Database, people: list[UserSubscription]) -> None:
    wait_until(
        lambda: all(reread(database, person).cycle == 1 for person in people),
        seconds=PATIENCE_SECONDS,
        what="every reset",
    )


def assert_nothing_was_wrong(caplog: pytest.LogCaptureFixture) -> None:
    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("method", STORE_METHODS)
def test_a_store_that_answers_late_delays_resets_and_nothing_else(
    database: Database,
    plants: dict[tuple[str, str], Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
    place: str,
) -> None:
    plants[method, place] = lambda: time.sleep(LATE_SECONDS)
    people = due_in(database, -5, 0.3, 0.6)

    with running(database) as scheduler:
        await_resets(database, people)
        assert scheduler.is_running

    assert_nothing_was_wrong(caplog)
    assert_books_close(database)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("method", STORE_METHODS)
def test_an_error_of_the_store_is_logged_and_ends_nothing(
    sqlite_database: Database,
    plants: dict[tuple[str, str], Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
    place: str,
) -> None:
    plants[method, place] = Once(RuntimeError("planted"))
    people = due_in(sqlite_database, -5, 0.3, 0.6)

    with running(sqlite_database) as scheduler:
        thread = scheduler.apscheduler._thread
        await_resets(sqlite_database, people)
        assert scheduler.apscheduler._thread is thread
        assert scheduler.is_running

    assert "planted" in caplog.text
    assert_books_close(sqlite_database)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("method", STORE_METHODS)
def test_a_thread_that_dies_all_the_same_is_replaced_and_raises_an_alarm(
    database: Database,
    plants: dict[tuple[str, str], Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    # Of all exceptions SystemExit alone passes every guard, and ends a thread without a word.
    plants[method, "after"] = Once(SystemExit())
    people = due_in(database, -5)

    with running(database) as scheduler:
        await_resets(database, people)
        wait_until(lambda: thread_deaths(database) == 1, seconds=PATIENCE_SECONDS, what="the alarm")
        later = due_in(database, 0.2)
        await_resets(database, later)
        assert scheduler.is_running

    alarms = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage()[:5] for record in alarms] == ["ALARM"]


def test_a_death_that_can_not_be_mended_yet_is_counted_when_it_is(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    can_revive, identity = iter([False, False, True]), ProcessIdentity("p", "h", 1, JOINED)
    keeper = Housekeeper(
        sqlite_database,
        SystemClock(),
        identity,
        is_alive=lambda: False,
        revive=lambda: next(can_revive),
        chores={},
        every_second={},
    )
    for _ in range(3):
        keeper.round()
    assert keeper.vitals.thread_deaths == 1
    assert caplog.text.count("ALARM") == 1


def test_a_thread_that_hangs_raises_an_alarm_and_counts_as_dead(
    database: Database,
    plants: dict[tuple[str, str], Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "SILENT_ROUNDS", 2)
    monkeypatch.setattr(watch, "SILENT_SECONDS", 0.5)
    goes_on = threading.Event()
    plants["get_due_jobs", "before"] = lambda: goes_on.wait(PATIENCE_SECONDS)

    with running(database) as scheduler:
        await_vitals(scheduler, lambda failing: SCHEDULER_THREAD in failing)
        heard_of = last_heartbeat(database)
        rounds = len(caplog.records)
        wait_until(lambda: len(caplog.records) > rounds, what="another round")
        assert last_heartbeat(database) == heard_of
        monkeypatch.setattr(watch, "SILENT_SECONDS", 3600)  # it looks every five seconds
        goes_on.set()
        await_vitals(scheduler, lambda failing: SCHEDULER_THREAD not in failing)
        wait_until(lambda: last_heartbeat(database) != heard_of, what="a heartbeat")

    assert caplog.text.count("ALARM") == 1


def await_vitals(
    scheduler: SubscriptionScheduler, matches: Callable[[Mapping[str, str]], bool]
) -> None:
    wait_until(
        lambda: scheduler.vitals is not None and matches(scheduler.vitals.failing),
        seconds=PATIENCE_SECONDS,
        what="the housekeeper's word",
    )


def last_heartbeat(database: Database) -> datetime | None:
    with database.reading() as session:
        return scheduler_health(session, now=SystemClock().now()).last_heartbeat


def thread_deaths(database: Database) -> int:
    with database.reading() as session:
        health = scheduler_health(session, now=SystemClock().now())
    return sum(process.thread_deaths for process in health.processes)


def test_a_run_that_could_not_be_started_is_started_a_moment_later(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, plants: dict[Any, Any]
) -> None:
    submit, fails = concurrent.futures.ThreadPoolExecutor.submit, [True]

    def refusing(*arguments: Any, **named: Any) -> Any:
        if fails and fails.pop():
            raise RuntimeError("can't start new thread")
        return submit(*arguments, **named)

    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", refusing)
    people = due_in(sqlite_database, -5)

    with running(sqlite_database):
        await_resets(sqlite_database, people)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("method", STORE_METHODS)
def test_a_shutdown_in_the_middle_of_a_look_at_the_store_is_silent(
    sqlite_database: Database,
    plants: dict[tuple[str, str], Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
    place: str,
) -> None:
    reached = threading.Event()

    def dawdle() -> None:
        reached.set()
        time.sleep(LATE_SECONDS)

    plants[method, place] = dawdle
    due_in(sqlite_database, -5, -4)

    with running(sqlite_database):
        assert reached.wait(PATIENCE_SECONDS)

    assert_nothing_was_wrong(caplog)
    assert_books_close(sqlite_database)
