"""One page of a list: its items, its number and how many there are in all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


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


def page_of(
    read: Callable[[int], Iterable[Item]], *, page: int, per_page: int, total: int
) -> Page[Item]:
    """The page of that number, or the last one when there are not so many.

    `read` gives the items of one page, from the offset that it is told.
    """
    page = min(max(page, 1), _pages(total, per_page))
    return Page(tuple(read((page - 1) * per_page)), page, per_page, total)


def _pages(total: int, per_page: int) -> int:
    return max(-(-total // per_page), 1)
