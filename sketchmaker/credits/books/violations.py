"""What a verification finds: which invariant, of what, in a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int], None]
"""Told now and then how many rows were looked at, of how many in all."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One row: what kind of thing it is, and its number."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant of `docs/invariants.md` does not hold for a row.

    `expected` and `found` are amounts in whole credits, numbers of rows, or instants in UTC.
    """

    invariant: str
    subject: Subject
    sentence: str
    expected: object
    found: object

    def __str__(self) -> str:
        return (
            f"{self.invariant} {self.subject}: {self.sentence} "
            f"(expected {self.expected}, found {self.found})"
        )
