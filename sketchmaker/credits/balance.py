"""The rule of balances: what a reset does to the credits of a cycle.

Standard library only; no clock, no SQL. The same function answers the scheduler that writes, the
charge that finds its subscription due, and the page that only shows: lazy equals eager.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """The credits of one cycle, whole numbers.

    available + held + used = allowance, always: that is how the books of a cycle close.
    """

    allowance: int
    available: int
    held: int
    used: int

    def __post_init__(self) -> None:
        if min(self.allowance, self.available, self.held, self.used) < 0:
            raise ValueError(f"{self} has a negative part.")
        if self.available + self.held + self.used != self.allowance:
            raise ValueError(f"{self} does not close.")

    @classmethod
    def opening(cls, allowance: int) -> "Balance":
        """A cycle's balance at its first instant: all there, nothing held or used."""
        return cls(allowance=allowance, available=allowance, held=0, used=0)


@dataclass(frozen=True, slots=True)
class Boundary:
    """The start of a cycle: its number and its instant in UTC."""

    cycle: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ResetStep:
    """One reset, as the ledger records it.

    `delta` is the signed change of the balance: what expired goes, the new allowance comes.
    `was_missed` marks a boundary that another had followed by the time it was applied.
    """

    boundary: Boundary
    expired: int
    granted: int
    delta: int
    was_missed: bool


def resets(before: Balance, allowance: int, boundaries: Sequence[Boundary]) -> list[ResetStep]:
    """One step for each boundary passed: as many rows as months, yet one allowance in effect.

    Credits still held belong to the cycle that ends. The ledger counted them as there, for nothing
    was settled; so the first step takes them out as well, and their own settlement, when it comes,
    costs the new cycle nothing.
    """
    last = len(boundaries) - 1
    return [
        _step(
            before if n == 0 else Balance.opening(allowance), allowance, boundary, missed=n < last
        )
        for n, boundary in enumerate(boundaries)
    ]


def _step(before: Balance, allowance: int, boundary: Boundary, *, missed: bool) -> ResetStep:
    return ResetStep(
        boundary=boundary,
        expired=before.available,
        granted=allowance,
        delta=allowance - before.available - before.held,
        was_missed=missed,
    )
