"""Damage that the schema itself would refuse: planted with every constraint out of the way."""

import sqlite3

import psycopg
from sqlalchemy import make_url

from sketchmaker.database import Database

_CHECKS = """
    SELECT conrelid::regclass, conname FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace
"""


def plant(database: Database, *statements: str) -> None:
    """Run the statements as somebody who breaks into the database would, and commit."""
    if database.dialect == "sqlite":
        _plant_in_sqlite(str(database.engine.url.database), statements)
    else:
        _plant_in_postgres(database, statements)


def _plant_in_sqlite(file: str, statements: tuple[str, ...]) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def _plant_in_postgres(database: Database, statements: tuple[str, ...]) -> None:
    url = make_url(database.engine.url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("SET session_replication_role = replica")
        for table, name in connection.execute(_CHECKS).fetchall():
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
        for statement in statements:
            connection.execute(statement.encode())
