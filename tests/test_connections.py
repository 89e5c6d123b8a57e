"""A process takes what its threads can use, and gives back what nobody does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from urllib.request import urlopen

import psycopg
import pytest
from sqlalchemy import QueuePool, make_url, text
from sqlalchemy.exc import DBAPIError

from sketchmaker.bootstrap import compose, most_connections
from sketchmaker.clock import SystemClock, uptime_seconds
from sketchmaker.database import MOST_CONNECTIONS, Database, DatabaseUnavailable, postgres
from sketchmaker.scheduling import housekeeper
from sketchmaker.scheduling.scheduler import LISTENERS, SubscriptionScheduler
from sketchmaker.settings import Settings
from tests.support.waiting import wait_until
from tests.support.web_system import composed, served

pytestmark = pytest.mark.slow  # all of them together


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


def test_the_whole_product_takes_no_more_than_it_says(
    postgres_url: str, onlooker: "psycopg.Connection[tuple[int]]", tmp_path: Path
) -> None:
    system = composed(postgres_url, tmp_path)
    allowed, taken, over = most_connections(system.settings), [0], Event()

    def watch() -> None:
        while not over.wait(0.01):
            taken.append(connections(onlooker))

    def visit(address: str) -> None:
        for _ in range(20):
            with urlopen(f"{address}/pricing", timeout=600) as answer:
                assert answer.status == 200

    with served(system) as address, ThreadPoolExecutor(25) as pool:
        watching = pool.submit(watch)
        visits = [pool.submit(visit, address) for _ in range(24)]
        for made in visits:
            made.result()
        over.set()
        watching.result()
    assert system.settings.web_threads < max(taken) <= allowed


def test_a_process_takes_what_its_threads_can_use(tmp_path: Path) -> None:
    def settings(web: int, studio: int) -> Settings:
        return Settings(
            database_url="postgresql+psycopg://nowhere/x",
            data_folder=tmp_path,
            secret_key="k" * 40,
            web_threads=web,
            studio_threads=studio,
        )

    least = most_connections(settings(1, 1))
    assert least < 10
    assert most_connections(settings(9, 5)) == least + 12
    system = compose(settings(1, 1))
    for engine in system.database.engines:
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.size() == least - LISTENERS
    system.database.close()
