"""The fixtures themselves: each test has a database of its own, on both engines."""

import pytest
from sqlalchemy import text

from sketchmaker.database import Database


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_has_a_database_of_its_own(database: Database, turn: int) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE mine (turn INTEGER)"))
        session.execute(text("INSERT INTO mine VALUES (:turn)"), {"turn": turn})
    with database.reading() as session:
        assert session.execute(text("SELECT turn FROM mine")).scalars().all() == [turn]


def test_both_engines_are_real(sqlite_database: Database, postgres_database: Database) -> None:
    with sqlite_database.reading() as session:
        assert session.execute(text("SELECT sqlite_version()")).scalar_one()
    with postgres_database.reading() as session:
        assert "PostgreSQL" in session.execute(text("SELECT version()")).scalar_one()
