"""The database goes away under the running product, and comes back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from dateutil.relativedelta import relativedelta
from sqlalchemy import make_url, update

from sketchmaker import database as database_module
from sketchmaker.bootstrap import System
from sketchmaker.clock import SystemClock
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.scheduling import housekeeper
from sketchmaker.scheduling.health import scheduler_health
from tests.kills.own_postgres import OwnPostgres
from tests.kills.rounds import say
from tests.support.people import assert_books_close, reread, subscriber
from tests.support.waiting import wait_until
from tests.support.web_system import composed

OUTAGE_SECONDS = 3
RECOVERY_SECONDS = 4  # the scheduler looks again every second

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeper, "BEAT_EVERY", timedelta(seconds=1))


@contextmanager
def at_work(url: str, folder: Path) -> Iterator[System]:
    """The product's background, running as in `python app.py`."""
    system = composed(url, folder)
    system.start()
    try:
        wait_until(lambda: last_beat(system) is not None, what="the first heartbeat")
        yield system
    finally:
        system.shutdown()


def last_beat(system: System) -> datetime | None:
    with system.database.reading() as session:
        return scheduler_health(session, now=system.clock.now()).last_heartbeat


def due_in(system: System, seconds: float) -> UserSubscription:
    moment = SystemClock().now() + timedelta(seconds=seconds)
    person = subscriber(system.database, now=moment - relativedelta(months=1))
    with system.database.transaction() as session:
        session.execute(
            update(UserSubscription)
            .where(UserSubscription.id == person.id)
            .values(next_credit_reset=moment)
        )
    return person


def assert_goes_on_after(
    system: System, outage: Callable[[], None], *, seconds: float, is_away: Callable[[], bool]
) -> None:
    """A reset falls due while the database is away; it is done soon after, and beats go on."""
    person = due_in(system, seconds / 2)

    outage()
    assert is_away()
    back_at, began = SystemClock().now(), monotonic()

    wait_until(
        lambda: reread(system.database, person).cycle == 1,
        seconds=RECOVERY_SECONDS,
        what="the reset that fell due in the outage",
    )
    say(f"reset {monotonic() - began:.1f} s after the database came back")
    wait_until(
        lambda: (last_beat(system) or back_at) > back_at,
        seconds=RECOVERY_SECONDS,
        what="a heartbeat after the outage",
    )
    assert system.scheduler.is_running
    assert_books_close(system.database)


@pytest.mark.parametrize("seconds", [0.4, OUTAGE_SECONDS])
def test_a_postgresql_that_went_away_delays_the_reset_that_falls_due_and_nothing_else(
    own_postgres: OwnPostgres, tmp_path: Path, seconds: float
) -> None:
    said_away = []

    with at_work(own_postgres.url, tmp_path) as system:

        def outage() -> None:
            own_postgres.kill()
            sleep(seconds)
            said_away.append(not _answers(system))
            own_postgres.start_again()

        assert_goes_on_after(system, outage, seconds=seconds, is_away=lambda: said_away == [True])


def test_a_locked_sqlite_file_delays_the_reset_that_falls_due_and_nothing_else(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The lock is to be held for longer than anybody waits for it.
    monkeypatch.setattr("sketchmaker.database.sqlite.BUSY_SECONDS", 0.3)
    file = str(make_url(sqlite_url).database)

    with at_work(sqlite_url, tmp_path) as system:

        def outage() -> None:
            other = sqlite3.connect(file, isolation_level=None)
            other.execute("PRAGMA busy_timeout=5000")
            other.execute("BEGIN EXCLUSIVE")
            sleep(OUTAGE_SECONDS)
            other.close()

        assert_goes_on_after(
            system,
            outage,
            seconds=OUTAGE_SECONDS,
            is_away=lambda: "database is locked" in caplog.text,
        )


def _answers(system: System) -> bool:
    try:
        system.database.ping()
    except database_module.DatabaseUnavailable:
        return False
    return True
