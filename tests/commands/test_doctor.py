"""The doctor, and the hammer that races the engine on the operator's own database."""

import signal
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from sketchmaker.commands import sketchmaker
from sketchmaker.commands.hammer import RaceResult, hammer
from sketchmaker.credits import state
from sketchmaker.credits.charges import Charge
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.errors import InsufficientCredits
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.database import Database
from tests.credits.busy_books import make_busy
from tests.support import programs
from tests.support.planting import plant

RACES = 4
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
        session.execute(SUBSCRIPTIONS.update().where(row).values(**state._numbers(after)))
        state.move(session, after, after, action=action, now=now, details={}, **SPENT)
    return Charge(credits, after.cycle, after.available)


def examine(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return CliRunner().invoke(sketchmaker, ["doctor"])


def test_nothing_is_wrong(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = examine(database_url, tmp_path, monkeypatch)

    assert done.exit_code == 0, done.output
    for what in ("settings", "data folder", "database", "clock", "overdue", "set aside", "books"):
        assert f"OK      {what}: " in done.output
    assert "NOTE    scheduler: None runs (yet)." in done.output


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
