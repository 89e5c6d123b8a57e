"""Rows of every table as JSON: written once by the version that made them, never edited."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    null,
    select,
    text,
)

from sketchmaker.database import Database

DATA = Path(__file__).parent / "data"
Rows = dict[str, list[dict[str, Any]]]

_ALEMBICS_OWN = "alembic_version"


def revisions_with_data() -> list[str]:
    """The revisions for which data were frozen, oldest first."""
    return sorted(file.stem for file in DATA.glob("*.json"))


def load(revision: str) -> Rows:
    """The frozen rows of a revision, by table."""
    rows: Rows = json.loads((DATA / f"{revision}.json").read_text(encoding="utf-8"))
    return rows


def freeze(database: Database, revision: str) -> Path:
    """Write every row of the database down as the data of that revision."""
    file = DATA / f"{revision}.json"
    tables = (
        f"{json.dumps(name)}: [\n{_lines(rows)}\n]" for name, rows in rows_of(database).items()
    )
    file.write_text("{\n" + ",\n".join(tables) + "\n}\n", encoding="utf-8")
    return file


def rows_of(database: Database) -> Rows:
    """Every row of every table, as JSON has it; tables after those that they refer to."""
    with database.reading() as session:
        connection = session.connection()
        return {
            table.name: [
                {name: _plain(value) for name, value in row._mapping.items()}
                for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in _tables(connection)
        }


def fill(database: Database, rows: Rows) -> None:
    """Put the rows into a database whose schema is that of their time."""
    with database.engine.begin() as connection:
        if database.dialect == "postgresql":  # a row may refer to a later one of its own table
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _tables(connection):
            known = [_typed(table, row) for row in rows.get(table.name, [])]
            for row in known:
                connection.execute(insert(table).values(row))
            if known and database.dialect == "postgresql":
                _count_on(connection, table)


def _tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != _ALEMBICS_OWN]


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value, table.c[name]) for name, value in row.items()}


def _value(value: Any, column: Column[Any]) -> Any:
    if value is None:
        return null()  # None in a JSON column would become JSON's own null
    if not isinstance(column.type, DateTime):
        return value
    at = datetime.fromisoformat(value)
    return at if column.type.timezone else at.replace(tzinfo=None)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number the next row after those that came with their numbers."""
    column = table.c.get("id")
    if column is None or not isinstance(column.type, Integer):
        return
    newest = connection.scalar(select(func.max(column)))
    sequence = func.pg_get_serial_sequence(table.name, "id")
    connection.execute(select(func.setval(sequence, newest)))


def _lines(rows: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
