"""A process takes what its threads can use, and gives back what nobody does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from sketchmaker.clock import SystemClock, uptime_seconds
from sketchmaker.database import Database, DatabaseUnavailable, postgres
from sketchmaker.database.postgres import MOST_CONNECTIONS
from sketchmaker.scheduling import housekeeper
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support.waiting import wait_until


@pytest.fixture
def onlooker(postgres_url: str) -> Iterator["psycopg.Connection[tuple[int]]"]:
    url = make_url(postgres_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as made:
        yield made


def connections(onlooker: "psycopg.Connection[tuple[int]]") -> int:
    found = onlooker.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'sketchmaker'"
    ).fetchone()
    assert found is not None
    return found[0]


def storm(database: Database, threads: int) -> None:
    """Let that many threads ask at the same moment."""
    all_have_one = Barrier(threads)

    def ask(_number: int) -> None:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
            all_have_one.wait(120)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(ask, range(threads)))


def test_readers_and_writers_share_their_connections(
    postgres_database: Database, onlooker: "psycopg.Connection[tuple[int]]"
) -> None:
    for _ in range(3):
        with postgres_database.reading() as session:
            session.execute(text("SELECT 1"))
        with postgres_database.transaction() as session:
            session.execute(text("SELECT 1"))
    assert connections(onlooker) == 1


def test_a_connection_that_read_can_write_again_and_the_other_way_round(
    postgres_database: Database,
) -> None:
    beat = text("DELETE FROM scheduler_heartbeats")
    for _ in range(2):
        with postgres_database.transaction() as session:
            session.execute(beat)
        with pytest.raises(DBAPIError), postgres_database.reading() as session:
            session.execute(beat)


def test_a_pool_opens_no_more_than_its_bound_and_whoever_comes_then_waits(
    postgres_database: Database,
    onlooker: "psycopg.Connection[tuple[int]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_database.engine.pool, "_timeout", 0.2)
    with ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            held.enter_context(postgres_database.reading()).execute(text("SELECT 1"))
        assert connections(onlooker) == MOST_CONNECTIONS
        with pytest.raises(DatabaseUnavailable, match="in use"):
            postgres_database.ping()
    postgres_database.ping()


def test_what_lay_idle_is_given_back_and_what_was_used_is_kept(
    postgres_database: Database,
    onlooker: "psycopg.Connection[tuple[int]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storm(postgres_database, 8)
    assert connections(onlooker) == 8
    uptime = uptime_seconds() + 60
    monkeypatch.setattr(postgres, "uptime_seconds", lambda: uptime)
    postgres_database.ping()
    postgres_database.give_back_idle()
    wait_until(lambda: connections(onlooker) == 1, what="the giving back")
    monkeypatch.undo()
    storm(postgres_database, MOST_CONNECTIONS)
    assert connections(onlooker) == MOST_CONNECTIONS


def test_a_running_scheduler_gives_back_after_a_storm(
    postgres_database: Database,
    onlooker: "psycopg.Connection[tuple[int]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housekeeper, "BEAT_EVERY", timedelta(seconds=0.2))
    give_back = postgres_database.give_back_idle
    monkeypatch.setattr(
        postgres_database, "give_back_idle", lambda: give_back(longer_than_seconds=0.5)
    )
    scheduler = SubscriptionScheduler(postgres_database, SystemClock())
    scheduler.start()
    try:
        storm(postgres_database, 12)
        assert connections(onlooker) >= 12
        # One for what goes on, one for whoever happens to ask beside it, one that listens.
        wait_until(lambda: connections(onlooker) <= 3, what="the giving back")
    finally:
        scheduler.shutdown()
