"""How the schema of a live database differs from the tables of the code.

Migrations make them the same, but a restored dump, a tool or a hand at the console can lose an
index; and a unique index is what keeps a reset from happening twice. What a database has beside
our tables, columns and indexes is its operator's own business.
"""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Connection,
    Dialect,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.schema import CreateIndex

_CAST = re.compile(r"::[a-z]+( varying)?(\(\d+\))?(\[\])?")
_NOISE = re.compile(r"[\s()\"]")


def schema_differences(connection: Connection, metadata: MetaData) -> list[str]:
    """What the database lacks of those tables, each as a sentence that says what to do."""
    live = inspect(connection)
    there = set(live.get_table_names())
    found: list[str] = []
    for table in sorted(metadata.tables.values(), key=lambda each: each.name):
        if table.name not in there:
            found.append(f"The table {table.name} is missing: restore it from a backup.")
            continue
        found += _of_columns(table, live)
        found += _of_indexes(table, live, connection)
        found += _of_constraints(table, live)
    return found


def _of_columns(table: Table, live: Any) -> Iterator[str]:
    columns = {column["name"]: column for column in live.get_columns(table.name)}
    for column in table.columns:
        where = f"{table.name}.{column.name}"
        if column.name not in columns:
            yield f"The column {where} is missing: restore it from a backup."
        elif columns[column.name]["nullable"] and not column.nullable:
            yield f"The column {where} may be empty, which it must not: make it NOT NULL again."
        elif not columns[column.name]["nullable"] and column.nullable:
            yield f"The column {where} must not be empty, which it may be: drop its NOT NULL."


def _of_indexes(table: Table, live: Any, connection: Connection) -> Iterator[str]:
    indexes = {index["name"]: index for index in live.get_indexes(table.name)}
    invalid = _invalid_indexes(connection)
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        what = f"The {'unique ' if index.unique else ''}index {index.name} of {table.name}"
        remedy = f"Make it again: {_creation(index, connection.dialect)};"
        if index.name not in indexes:
            yield f"{what} is missing. {remedy}"
        elif index.name in invalid:
            yield f"{what} is not valid: PostgreSQL does not use it. Drop it. {remedy}"
        elif _shape(index, connection.dialect) != _live_shape(indexes[index.name], connection):
            yield f"{what} is not what it should be. Drop it. {remedy}"


def _of_constraints(table: Table, live: Any) -> Iterator[str]:
    checks = {check["name"] for check in live.get_check_constraints(table.name)}
    uniques = {tuple(unique["column_names"]) for unique in live.get_unique_constraints(table.name)}
    keys = {tuple(key["constrained_columns"]) for key in live.get_foreign_keys(table.name)}
    remedy = "restore it from a backup, or copy the rows into a freshly made database."
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        lost = isinstance(constraint, CheckConstraint) and constraint.name not in checks
        if isinstance(constraint, UniqueConstraint):
            lost = tuple(column.name for column in constraint.columns) not in uniques
        if lost:
            yield f"The constraint {constraint.name} of {table.name} is missing: {remedy}"
    for key in table.foreign_key_constraints:
        if tuple(key.column_keys) not in keys:
            columns = ", ".join(key.column_keys)
            yield f"The foreign key of {table.name} ({columns}) is missing: {remedy}"
    primary = live.get_pk_constraint(table.name)["constrained_columns"]
    if primary != [column.name for column in table.primary_key]:
        yield f"The primary key of {table.name} is missing: {remedy}"


def _creation(index: Index, dialect: Dialect) -> str:
    return " ".join(str(CreateIndex(index).compile(dialect=dialect)).split())


def _shape(index: Index, dialect: Dialect) -> tuple[object, ...]:
    where = index.dialect_options[dialect.name]["where"]
    columns = [getattr(column, "name", None) for column in index.columns]
    return bool(index.unique), columns, _plain(None if where is None else str(where))


def _live_shape(index: Any, connection: Connection) -> tuple[object, ...]:
    where = index.get("dialect_options", {}).get(f"{connection.dialect.name}_where")
    return bool(index["unique"]), index["column_names"], _plain(None if where is None else where)


def _plain(condition: object) -> str | None:
    """A condition without what a database adds when it writes one down; lists are not compared."""
    if condition is None:
        return None
    plain = _NOISE.sub("", _CAST.sub("", str(condition).lower()))
    return "a list" if "any" in plain or "in'" in plain else plain


def _invalid_indexes(connection: Connection) -> set[str]:
    """Indexes that PostgreSQL has and does not keep, left by a CREATE INDEX that failed."""
    if connection.dialect.name != "postgresql":
        return set()
    query = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    return set(connection.scalars(query))
