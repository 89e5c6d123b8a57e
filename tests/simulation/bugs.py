"""Bugs planted into the real engine, each as somebody might write it: the simulation finds them.

A simulation that finds no planted bug proves nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from tests.simulation import seams


@dataclass(frozen=True)
class Bug:
    """A way to get it wrong, and in which kind of run it must be found."""

    name: str
    plant: Callable[["Plot"], None]
    profile: str = "swarm"
    database: str = "sqlite"

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The engine with this bug in it."""
        with ExitStack() as stack:
            self.plant(Plot(stack))
            yield


class Plot:
    """Where a bug is planted; taken out again in the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def put(self, name: str, wrong: Any) -> None:
        """Put `wrong` in the place of the part of that name: see `seams`."""
        for owner, attribute in seams.places_of(name):
            self._stack.enter_context(patch.object(owner, attribute, wrong))


BUGS: list[Bug] = []


def bug(
    *, profile: str = "swarm", database: str = "sqlite"
) -> Callable[[Callable[[Plot], None]], None]:
    """Name the function below as a bug to be found."""

    def add(plant: Callable[[Plot], None]) -> None:
        name = plant.__name__.strip("_").replace("_", " ")
        BUGS.append(Bug(name, plant, profile, database))

    return add


def all_bugs() -> list[Bug]:
    """Every planted bug."""
    from tests.simulation import (
        bugs_of_requests,  # noqa: F401 - imported for what it adds
        bugs_of_time,  # noqa: F401
    )

    return BUGS
