"""The doctor, and the hammer that races the engine on the operator's own database."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, make_url, text

from sketchmaker.clock import ManualClock
from sketchmaker.commands import sketchmaker
from sketchmaker.commands.examination import apart
from sketchmaker.commands.hammer import RaceResult, hammer
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rows import state
from sketchmaker.credits.rules.errors import InsufficientCredits
from sketchmaker.credits.spending.charges import Charge
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.database import Database
from tests.conftest import START
from tests.credits.busy_books import make_busy
from tests.support import programs
from tests.support.planting import plant
from tests.support.sample_data import draw
from tests.support.web_system import composed, enrolled
from tests.upgrades import past

RACES = 4
NOBODY = 65534
SPENT = {"credits_used": 1, "credits_delta": -1}


def left_behind(database: Database) -> list[str]:
    if database.dialect == "sqlite":
        folder = Path(str(database.engine.url.database)).parent
        return [file.name for file in folder.glob("*hammer*")]
    with database.reading() as session:
        found = session.scalars(text("SELECT nspname FROM pg_namespace"))
        return [name for name in found if "hammer" in name]


def rows_of(database: Database) -> list[Any]:
    with database.reading() as session:
        return list(session.execute(SUBSCRIPTIONS.select().order_by(SUBSCRIPTIONS.c.id)))


def charge_unguarded(
    desk: CreditDesk, *, user_id: int, credits: int, action: str, now: datetime, key: str = ""
) -> Charge:
    """Read, decide, write: what most credit systems that broke did."""
    with desk._database.reading() as session:
        before = state.of_user(session, user_id, lock=False)
    assert before is not None
    if before.available < credits:
        raise InsufficientCredits(
            required=credits, available=0, next_reset=now, plan_display_name=key
        )
    sleep(0.05)
    used = replace(before.balance, used=before.balance.used + credits)
    after = replace(before, balance=used)
    with desk._database.transaction() as session:
        row = SUBSCRIPTIONS.c.id == before.id
        session.execute(SUBSCRIPTIONS.update().where(row).values(**state.numbers_of(after)))
        state.move(session, after, after, action=action, now=now, details={}, **SPENT)
    return Charge(credits, after.cycle, after.available)


def examine(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(exist_ok=True)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return CliRunner().invoke(sketchmaker, ["doctor"])


@contextmanager
def not_as_root() -> Iterator[None]:
    """What is done within is done by somebody whom the rights of files bind, as root is not."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_nothing_is_wrong(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = examine(database_url, tmp_path, monkeypatch)

    assert done.exit_code == 0, done.output
    for what in ("settings", "data folder", "database", "clock", "overdue", "suspended", "books"):
        assert f"OK      {what}: " in done.output
    assert "NOTE    scheduler: None runs (yet)." in done.output


@pytest.mark.parametrize(
    ("threads", "level"), [("2", "OK      "), ("2000", "NOTE    ")], ids=["enough", "too few"]
)
def test_the_doctor_says_how_many_connections_a_process_may_take(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str, level: str
) -> None:
    monkeypatch.setenv("SKETCHMAKER_STUDIO_THREADS", threads)
    done = examine(postgres_url, tmp_path, monkeypatch)
    each = 8 + int(threads) + 5
    assert f"{level}connections: Up to {each} for each of 1 process, and the server" in done.output
    assert ("Set max_connections to" in done.output) == (level == "NOTE    ")
    assert done.exit_code == 0, done.output


def test_books_that_do_not_close_need_somebody(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_busy(database)
    plant(database, "UPDATE user_subscriptions SET credits_revoked = 1 WHERE id = 3")

    done = examine(database_url, tmp_path, monkeypatch)

    assert done.exit_code == 1
    assert "FAILED  books: " in done.output


def test_a_row_from_the_future(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_busy(database)
    plant(database, "UPDATE usage_history SET created_at = '2999-01-01 00:00:00.000000'")

    done = examine(database_url, tmp_path, monkeypatch)

    assert "FAILED  clock: The ledger has a row of 2999" in done.output


def test_it_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(sketchmaker, ["doctor"])

    assert done.exit_code == 1
    assert "run python setup_subscriptions.py" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_lost_index_is_found(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        session.execute(text("DROP INDEX uq_usage_history_reset"))

    done = examine(database_url, tmp_path, monkeypatch)

    assert done.exit_code == 1
    assert "FAILED  schema: The unique index uq_usage_history_reset" in done.output


def test_files_of_images_that_are_missing_or_damaged_or_nobodys(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = composed(sqlite_url, tmp_path / "data", ManualClock(START))
    user = enrolled(system, "ada")
    draw(system, user.id, "A calm sea", count=3)
    system.database.close()
    files = sorted((tmp_path / "data" / "images").glob("*/*.png"))
    well = examine(sqlite_url, tmp_path, monkeypatch)
    assert "OK      images: The files of 3 images are as they were stored." in well.output

    orphan = files[0].with_name("z" * 43 + ".png")
    orphan.write_bytes(b"left")
    os.utime(orphan, (0, 0))
    assert "1 files belong to no image" in examine(sqlite_url, tmp_path, monkeypatch).output
    files[1].write_bytes(b"")
    files[2].unlink()
    done = examine(sqlite_url, tmp_path, monkeypatch)

    assert done.exit_code == 1
    assert "FAILED  images: 1 files are missing and 1 damaged" in done.output


def test_orders_that_wait_too_long(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.live_through(sqlite_url, tmp_path / "data")

    done = examine(sqlite_url, tmp_path, monkeypatch)

    assert "FAILED  queue: 1 generations wait for a worker, the oldest for " in done.output


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (timedelta(microseconds=-147), "0 ms behind"),
        (timedelta(milliseconds=-3), "3 ms behind"),
        (timedelta(seconds=2.5), "2.5 s ahead of"),
        (timedelta(hours=-40), "40 hours behind"),
    ],
)
def test_how_far_clocks_are_apart(by: timedelta, words: str) -> None:
    assert apart(by) == words


def test_a_file_that_can_only_be_read(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "read_only.db"
        (folder / "data").mkdir()
        shutil.copy(sqlite_url.removeprefix("sqlite:///"), file)
        for path, rights in ((folder, 0o777), (folder / "data", 0o777), (file, 0o444)):
            path.chmod(rights)
        with not_as_root():
            done = examine(f"sqlite:///{file}", folder, monkeypatch)
        monkeypatch.undo()  # leave the folder before it goes

    assert done.exit_code == 1
    assert "FAILED  database: " in done.output
    assert "readonly" in done.output


def test_a_server_that_begins_every_transaction_read_only(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_url(postgres_url).database
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    engine.dispose()

    done = examine(postgres_url, tmp_path, monkeypatch)

    assert done.exit_code == 1
    assert "FAILED  database: " in done.output
    assert "read-only" in done.output


def test_a_database_without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = examine(f"sqlite:///{tmp_path}/new.db", tmp_path, monkeypatch)

    assert done.exit_code == 1
    assert "FAILED  database: The database has no Sketchmaker tables yet" in done.output


@pytest.mark.race
@pytest.mark.parametrize("processes", [0, 2])
def test_the_engine_stands_the_hammer(
    database: Database, database_url: str, processes: int
) -> None:
    make_busy(database)
    before = rows_of(database)
    results: list[RaceResult] = []

    assert hammer(database_url, results.append, processes=processes)

    assert [str(result)[:2] for result in results] == ["OK"] * RACES
    assert left_behind(database) == []
    assert rows_of(database) == before


@pytest.mark.race
def test_a_broken_engine_does_not(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CreditDesk, "charge", charge_unguarded)
    results: list[RaceResult] = []

    assert not hammer(database_url, results.append, processes=0)

    failed = [str(result) for result in results if result.wrong]
    assert failed[0].startswith("FAILED  the last credits: ")
    assert left_behind(database) == []


def test_a_hammer_that_is_interrupted_leaves_nothing(database: Database, database_url: str) -> None:
    def interrupt(_result: RaceResult) -> None:
        assert left_behind(database) != []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hammer(database_url, interrupt, processes=0)

    assert left_behind(database) == []


@pytest.mark.race
def test_ctrl_c_ends_the_hammer_and_its_scratch(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    arguments = ("-m", "sketchmaker", "doctor", "--hammer")
    with programs.start(tmp_path, *arguments, DATABASE_URL=database_url) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "last credits" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=programs.LONGEST_RUN_SECONDS)

    assert left_behind(database) == []
