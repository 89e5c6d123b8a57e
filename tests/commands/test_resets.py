"""An operator sees from the shell what resets leave out, and lets it in again."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sketchmaker.credits.resets import guard
from sketchmaker.database import Database
from tests.support.people import subscriber

ROOT = Path(__file__).parents[2]
JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def resets(database_url: str, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "sketchmaker", "resets", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url, "SKETCHMAKER_DATA": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_suspended_is_listed_and_can_be_resumed(
    sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    person = subscriber(sqlite_database, now=JOINED)
    with sqlite_database.transaction() as session:
        guard.suspend_failed(session, subscription_id=person.id, error="It broke.", now=JOINED)
    name = f"credit_reset_{person.id}"

    listed = resets(sqlite_url, tmp_path, "suspended")
    released = resets(sqlite_url, tmp_path, "resume", name, "--reason", "Looked at.")
    again = resets(sqlite_url, tmp_path, "resume", name, "--reason", "Looked at.")
    empty = resets(sqlite_url, tmp_path, "suspended")

    assert f"{name}  failed" in listed.stdout
    assert "It broke." in listed.stdout
    assert released.stdout == f"{name} is resumed.\n"
    assert again.stdout == f"{name} was not suspended.\n"
    assert empty.stdout == "Nothing is suspended.\n"


def test_a_job_that_there_is_not_is_an_error(sqlite_url: str, tmp_path: Path) -> None:
    answer = resets(sqlite_url, tmp_path, "resume", "credit_reset_4711", "--reason", "x")

    assert answer.returncode == 2
    assert answer.stdout == ""
    [line] = answer.stderr.splitlines()
    assert "4711" in line


def test_a_name_that_is_no_job_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    answer = resets(sqlite_url, tmp_path, "resume", "everything", "--reason", "x")

    assert answer.returncode == 2
    assert "give a name like credit_reset_42" in answer.stderr
