"""Which version of a plan somebody gets, when: the rule, said once.

A version is what a plan gave from an instant on: credits a month and features. It is for newcomers
only, or for everybody. Whoever is on a plan holds one of its versions; at a reset they get the
newest one that is for everybody and in effect at that boundary, and otherwise keep theirs. Whoever
comes to the plan gets the newest of all that are in effect.

`terms_of` writes the rule out as periods, which a database can join; so a reset of a million rows
goes by the same rule as that of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, Protocol

from sketchmaker.credits.rules.instants import EARLIEST, LATEST

NEWCOMER: Final = 0
"""Stands where the number of a held version would, for those who come to the plan."""


class Version(Protocol):
    """A version of a plan; `number` counts from 1, `starts_at` is when it takes effect."""

    @property
    def number(self) -> int: ...
    @property
    def for_everybody(self) -> bool: ...
    @property
    def starts_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Term:
    """Who holds version `held` gets version `number` at a boundary from `starts_at` to `ends_at`.

    The end is not part of it.
    """

    held: int
    number: int
    starts_at: datetime
    ends_at: datetime


def terms_of(versions: Sequence[Version]) -> list[Term]:
    """The terms of one plan, for newcomers and for each version: all of time without a gap.

    None for a plan without versions.
    """
    if not versions:
        return []
    ordered = sorted(versions, key=lambda version: (version.starts_at, version.number))
    return [
        *_periods(NEWCOMER, ordered),
        *(
            term
            for place, held in enumerate(ordered)
            for term in _periods(held.number, [held, *_for_everybody(ordered[place + 1 :])])
        ),
    ]


def _for_everybody(versions: Sequence[Version]) -> list[Version]:
    return [version for version in versions if version.for_everybody]


def _periods(held: int, following: Sequence[Version]) -> Iterator[Term]:
    """The first is in effect since ever; each of the others takes the place of the one before."""
    starts = [EARLIEST, *(version.starts_at for version in following[1:]), LATEST]
    for version, (start, end) in zip(following, pairwise(starts), strict=True):
        if start < end:
            yield Term(held, version.number, start, end)
