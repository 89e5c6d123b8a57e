"""Statements rendered once: for the hot path, where building them costs more than running them."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler


class Rendered:
    """A statement of SQLAlchemy's that is sent as plain SQL after its first use.

    It says the same and converts its parameters by the same types; what it leaves out is the work
    that SQLAlchemy does at every execution to find that it knows the statement already. `columns`
    are those that an INSERT without values is to fill.
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

    def run(
        self, connection: Connection, parameters: dict[str, Any]
    ) -> CursorResult[*tuple[Any, ...]]:
        """Execute it; the parameters are named as in the statement."""
        dialect = connection.dialect
        known = self._by_dialect.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            assert isinstance(compiled, SQLCompiler)
            known = self._by_dialect[dialect.name] = _Text(compiled, dialect)
        return connection.exec_driver_sql(known.sql, known.converted(parameters))


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
    found = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in compiled.binds.items()
    }
    return [(name, convert) for name, convert in found.items() if convert is not None]
