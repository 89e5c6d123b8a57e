"""Parts of lists: numbered pages of short ones, and slices of those that may have a million rows.

A slice begins where another one ended, by the key of its order and not by how many rows come before
it: it costs the same everywhere in the list, and nobody is skipped or shown twice when rows come
and go meanwhile.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

COUNTED_TO: Final = 10_000
"""So many rows are counted exactly; of more it is only said that there are more."""

Item = TypeVar("Item")
Other = TypeVar("Other")
Column = ColumnElement[Any] | InstrumentedAttribute[Any]
AnyRow = Row[*tuple[Any, ...]]
AnyQuery = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; pages are numbered from 1."""

    items: tuple[Item, ...]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return _pages(self.total, self.per_page)

    @property
    def has_previous(self) -> bool:
        """Is there a page before this one?"""
        return self.page > 1

    @property
    def has_next(self) -> bool:
        """Is there a page after this one?"""
        return self.page < self.pages


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows fit: `number`, or more than that when it `is_exact` no longer."""

    number: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row of an ordered list by its key, and whether to go back from it or on."""

    key: tuple[Any, ...]
    goes_back: bool = False


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some rows in a row; `before` and `after` lead on from them, None at the ends of the list."""

    items: tuple[Item, ...]
    before: Cursor | None
    after: Cursor | None

    def of(self, items: Iterable[Other]) -> "Slice[Other]":
        """The same place in the list, with its rows told in another way."""
        return Slice(tuple(items), self.before, self.after)


def page_of(
    read: Callable[[int], Iterable[Item]], *, page: int, per_page: int, total: int
) -> Page[Item]:
    """The page of that number, or the last one when there are not so many.

    `read` gives the items of one page, from the offset that it is told.
    """
    page = min(max(page, 1), _pages(total, per_page))
    return Page(tuple(read((page - 1) * per_page)), page, per_page, total)


def slice_of(
    session: Session,
    query: AnyQuery,
    *,
    order: Sequence[Column],
    cursor: Cursor | None,
    limit: int,
) -> Slice[AnyRow]:
    """At most `limit` rows beside the cursor, or the first ones without it.

    `order` is a unique key that an index has in this order; its columns are added to the rows. When
    nothing is left beside the cursor, these are the first rows.
    """
    goes_back = cursor is not None and cursor.goes_back
    keyed = query.add_columns(*order)
    if cursor:
        place = tuple_(*(literal(v, c.type) for v, c in zip(cursor.key, order, strict=True)))
        keyed = keyed.where(tuple_(*order) < place if goes_back else tuple_(*order) > place)
    keyed = keyed.order_by(*(column.desc() if goes_back else column.asc() for column in order))
    found = session.execute(keyed.limit(limit + 1)).all()
    if cursor and not found:
        return slice_of(session, query, order=order, cursor=None, limit=limit)
    shown = found[:limit][::-1] if goes_back else found[:limit]
    has_more = len(found) > limit
    has_before, has_after = (has_more, True) if goes_back else (cursor is not None, has_more)
    return Slice(
        tuple(shown),
        Cursor(tuple(shown[0][-len(order) :]), goes_back=True) if has_before else None,
        Cursor(tuple(shown[-1][-len(order) :])) if has_after else None,
    )


def count_of(session: Session, query: AnyQuery, *, counted_to: int = COUNTED_TO) -> Count:
    """How many rows the query has; counting ends with the first one that is more than enough."""
    some = query.limit(counted_to + 1).subquery()
    seen = session.scalar(select(func.count()).select_from(some)) or 0
    return Count(min(seen, counted_to), is_exact=seen <= counted_to)


def _pages(total: int, per_page: int) -> int:
    return max(-(-total // per_page), 1)
