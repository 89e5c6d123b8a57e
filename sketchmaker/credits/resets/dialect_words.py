"""The same value in the SQL of either database, where a column keeps JSON.

What a rule says of a row in Python's words, with instants and truth values among its facts, is put
here into those of a database, so that it keeps the same text as when Python writes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, case, cast, func, literal, literal_column
from sqlalchemy.types import TypeEngine

from sketchmaker.database import UtcDateTime


@dataclass(frozen=True, slots=True)
class Words:
    """How a database writes an object of JSON, and an instant and a truth value in it."""

    json_object: Callable[..., ColumnElement[Any]]
    instant: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    truth: Callable[[ColumnElement[Any]], ColumnElement[Any]]

    def sql(self, value: Any, type_: TypeEngine[Any] | None = None) -> ColumnElement[Any]:
        """The value as an expression: a column as it is, a dict as JSON, a tuple as one text."""
        if isinstance(value, dict):
            named: list[ColumnElement[Any]] = []
            for name, fact in value.items():
                named += literal_column(f"'{name}'"), self._fact(fact)
            return self.json_object(*named)
        if isinstance(value, tuple):
            return reduce(lambda text, part: text + part, map(_as_text, value))
        return value if isinstance(value, ColumnElement) else literal(value, type_)

    def _fact(self, value: Any) -> ColumnElement[Any]:
        fact = self.sql(value)
        if isinstance(fact.type, UtcDateTime):
            return self.instant(fact)
        return self.truth(fact) if isinstance(fact.type, Boolean) else fact


def _as_text(part: Any) -> ColumnElement[Any]:
    return literal(part, Text) if isinstance(part, str) else cast(part, Text)


def _postgres_instant(at: ColumnElement[Any]) -> ColumnElement[Any]:
    form: ColumnElement[str] = literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.US'")
    written = func.to_char(func.timezone("UTC", at), form)
    return func.replace(written, ".000000", "", type_=Text) + "+00:00"


def _sqlite_instant(at: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.replace(func.replace(at, " ", "T"), ".000000", "", type_=Text) + "+00:00"


POSTGRES_WORDS = Words(func.json_build_object, _postgres_instant, lambda fact: fact)
SQLITE_WORDS = Words(
    func.json_object,
    _sqlite_instant,
    lambda fact: func.json(case((fact, "true"), else_="false")),
)
