"""One page of a list: its items, its number and how many there are in all."""

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
        return max(-(-self.total // self.per_page), 1)

    @property
    def has_previous(self) -> bool:
        """Is there a page before this one?"""
        return self.page > 1

    @property
    def has_next(self) -> bool:
        """Is there a page after this one?"""
        return self.page < self.pages
