"""Who may read a database, and what it says when it refuses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from sketchmaker.accounts.tables import SignInSession
from sketchmaker.database import Database

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_statement_that_fails_is_told_without_its_values(database: Database) -> None:
    # A traceback goes into the log as it is, and values are password hashes and people's prompts.
    row = {
        "user_id": 404,
        "token_hash": "hash-of-a-secret",
        "created_at": NOW,
        "last_seen_at": NOW,
        "expires_at": NOW,
        "address": "203.0.113.7",
        "user_agent": "Test",
    }
    with pytest.raises(IntegrityError) as refused, database.transaction() as session:
        session.execute(insert(SignInSession).values(row))
    assert "sign_in_sessions" in str(refused.value)
    assert "hash-of-a-secret" not in str(refused.value)


def test_a_new_sqlite_file_is_for_its_owner_only_in_any_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    database = Database(f"sqlite:///{tmp_path}/new.db")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE notes (words TEXT)"))
        rights = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    database.close()
    assert rights == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), 0o600)


def test_an_sqlite_file_keeps_the_rights_that_its_owner_gave_it(tmp_path: Path) -> None:
    file = tmp_path / "shared.db"
    file.touch()
    file.chmod(0o640)
    database = Database(f"sqlite:///{file}")
    database.ping()
    database.close()
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.race
def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for number in range(5):
        opened = [Database(f"sqlite:///{tmp_path / f'{number}.db'}") for _ in range(8)]
        with ThreadPoolExecutor(len(opened)) as pool:
            list(pool.map(Database.ping, opened))
        for database in opened:
            database.close()
