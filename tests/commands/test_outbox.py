"""An operator sees from the shell what could not be delivered, and has it tried again."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sketchmaker.clock import SystemClock
from sketchmaker.commands import sketchmaker
from sketchmaker.commands.examination import examine
from sketchmaker.database import Database
from sketchmaker.record import outbox, outbox_deliveries
from sketchmaker.record.outbox import Event
from tests.support.programs import run


def bury(database: Database, *, age: timedelta = timedelta()) -> int:
    """Write an event that died so long ago; its number."""
    now = SystemClock().now() - age
    with database.transaction() as session:
        outbox.add_for(session, "post", Event("mail.test", "user 7", {}), now=now)
        claimed = outbox_deliveries.claim(session, "post", now=now, lease=timedelta(seconds=1))
        assert claimed is not None
        outbox_deliveries.note_failed(session, claimed, error="No.", retry_at=None, now=now)
    return claimed.id


def test_what_died_is_listed_and_can_be_tried_again(
    sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    number = bury(sqlite_database)
    setting = {"DATABASE_URL": sqlite_url}
    listed = run(tmp_path, "-m", "sketchmaker", "outbox", "dead", **setting)
    neither = run(tmp_path, "-m", "sketchmaker", "outbox", "replay", "--reason", "Back.", **setting)
    replay = ("-m", "sketchmaker", "outbox", "replay", str(number))
    unexplained = run(tmp_path, *replay, **setting)
    again = run(tmp_path, *replay, "--reason", "The server is back.", **setting)
    empty = run(tmp_path, "-m", "sketchmaker", "outbox", "dead", **setting)
    assert f"{number}  mail.test for user 7" in listed.stdout
    assert "No." in listed.stdout
    assert neither.returncode == unexplained.returncode == 2
    assert "1 will be tried again." in again.stdout
    assert "Nothing is dead." in empty.stdout


def examined(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (found,) = (finding for finding in examine() if finding.what == "outbox")
    return str(found)


def test_the_doctor_tells_of_messages_that_died_lately_or_wait_for_long(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "OK" in examined(database_url, tmp_path, monkeypatch)
    bury(database, age=timedelta(days=2))
    assert "OK" in examined(database_url, tmp_path, monkeypatch)
    bury(database)
    assert "1 message(s) could not be delivered" in examined(database_url, tmp_path, monkeypatch)
    with database.transaction() as session:
        long_ago = SystemClock().now() - timedelta(hours=1)
        outbox.add_for(session, "post", Event("mail.test", "user 7", {}), now=long_ago)
    assert "wait to be delivered" in examined(database_url, tmp_path, monkeypatch)


def test_the_commands_explain_themselves() -> None:
    told: Result = CliRunner().invoke(sketchmaker, ["outbox", "--help"])
    assert "dead" in told.output
    assert "replay" in told.output
