"""The schema: migrations and tables say the same, and a database that does not fit is refused."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from sketchmaker import schema
from sketchmaker.database import Database
from tests.support.databases import Databases


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    with databases.empty_postgres() as url:
        yield url


@pytest.fixture
def empty_database(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(schema.alembic_config()).get_heads()) == 1


def test_migrations_lead_to_exactly_the_tables_of_the_code(empty_database: Database) -> None:
    schema.upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        command.check(schema.alembic_config(connection))


def test_an_upgrade_says_what_it_found_and_left(empty_database: Database) -> None:
    first = schema.upgrade(empty_database)
    second = schema.upgrade(empty_database)
    assert first.before is None
    assert second.before == second.after == first.after
    schema.check(empty_database)


def test_an_empty_database_is_told_to_be_set_up(empty_database: Database) -> None:
    with pytest.raises(schema.SchemaMissing, match="run python setup_subscriptions"):
        schema.check(empty_database)


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    stamp(database, "9999")
    with pytest.raises(schema.SchemaNewer, match="9999"):
        schema.check(database)
    with pytest.raises(schema.SchemaNewer):
        schema.upgrade(database)


def test_an_older_schema_is_told_to_be_set_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_head", lambda _steps: "9999")
    with pytest.raises(schema.SchemaOlder, match="run python setup_subscriptions"):
        schema.check(database)


def test_tables_of_another_program_are_not_touched(empty_database: Database) -> None:
    with empty_database.transaction() as session:
        session.execute(text("CREATE TABLE users (id INTEGER)"))
    with pytest.raises(schema.SchemaForeign, match="users"):
        schema.upgrade(empty_database)
    assert inspect(empty_database.engine).get_table_names() == ["users"]


def test_an_upgrade_that_fails_leaves_nothing(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def fail_at_the_end(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr(command, "upgrade", fail_at_the_end)
    with pytest.raises(ZeroDivisionError):
        schema.upgrade(empty_database)
    assert inspect(empty_database.engine).get_table_names() == []


@pytest.mark.race
def test_set_ups_that_run_at_once_wait_for_each_other(empty_url: str) -> None:
    together = threading.Barrier(4)
    found: list[str | None] = []

    def upgrade() -> None:
        database = Database(empty_url)
        together.wait()
        found.append(schema.upgrade(database).before)
        database.close()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert found.count(None) == 1


def test_foreign_keys_are_minded_again_after_an_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    schema.upgrade(database)
    with database.transaction() as session:
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.close()


def stamp(database: Database, revision: str) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
