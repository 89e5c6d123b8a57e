"""Statements rendered once: for the hot path, where building them costs more than running them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine


class Rendered:
    """A statement of SQLAlchemy's that is sent as plain SQL after its first use.

    It says the same, converts its parameters by the same types and breaks with the same errors;
    what it leaves out is the work that SQLAlchemy does at every execution to find that it knows the
    statement already, and to describe its rows. `columns` are those that an INSERT without values
    is to fill.
    """

    def __init__(
        self,
        statement: Select[*tuple[Any, ...]] | Insert | Update,
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._by_dialect: dict[str, _Text] = {}

    def first(self, connection: Connection, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        """Execute it in the transaction of a connection; the parameters are named as in it.

        The first row, as the driver gives it; None when there is none.

        Raises:
            sqlalchemy.exc.DBAPIError: as `Connection.execute`.
        """
        row: tuple[Any, ...] | None = self._execute(connection, parameters, lambda c: c.fetchone())
        return row

    def run(self, connection: Connection, parameters: dict[str, Any]) -> None:
        """As `first`, for a statement that gives no rows."""
        self._execute(connection, parameters, lambda _cursor: None)

    def _execute(
        self, connection: Connection, parameters: dict[str, Any], read: Callable[[Any], Any]
    ) -> Any:
        known = self._for(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            # Not `cursor.execute`: who watches or delays statements does it at the dialect.
            connection.dialect.do_execute(cursor, known.sql, known.converted(parameters))
            return read(cursor)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _named(connection, error, known.sql) from error
        finally:
            cursor.close()

    def _for(self, dialect: Dialect) -> "_Text":
        known = self._by_dialect.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            assert isinstance(compiled, SQLCompiler)
            known = self._by_dialect[dialect.name] = _Text(compiled, dialect)
        return known


def _named(connection: Connection, error: Any, sql: str) -> BaseException:
    """The driver's error as SQLAlchemy names it; a lost connection is not used again."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if is_lost:
        connection.invalidate(error)
        connection.engine.dispose()  # the others are as old, and as lost
    named: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    return named


class _Text:
    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.sql = str(compiled)
        self._names = compiled.positiontup
        self._fixed = dict(compiled.params)
        self._converters = _converters(compiled, dialect)

    def converted(self, parameters: dict[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        values = {**self._fixed, **parameters}
        for name, convert in self._converters:
            values[name] = convert(values[name])
        return values if self._names is None else tuple([values[name] for name in self._names])


def _converters(compiled: SQLCompiler, dialect: Dialect) -> list[tuple[str, Callable[[Any], Any]]]:
    found = {name: _converter(bind.type, dialect) for name, bind in compiled.binds.items()}
    return [(name, convert) for name, convert in found.items() if convert is not None]


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, JSON):
        return json.dumps  # the drivers' own wrappers of JSON come to the same, later
    return kind.dialect_impl(dialect).bind_processor(dialect)
