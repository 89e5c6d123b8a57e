"""The rules of balances: what a cycle's credits are, and in which order credits burn.

Standard library only; no clock, no SQL. The same functions answer the scheduler that writes, the
charge that finds its subscription due, and the page that only shows: lazy equals eager.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """The allowance of one cycle and what became of it; whole credits.

    What is available is never stored by itself: it is the allowance of the plan in effect, less
    what was revoked, held and used, and never less than nothing. So a change of plan is a change
    of `allowance`, and no sequence of changes leaves more than the most generous plan would have.
    """

    allowance: int
    held: int = 0
    used: int = 0
    revoked: int = 0

    def __post_init__(self) -> None:
        if min(self.allowance, self.held, self.used, self.revoked) < 0:
            raise ValueError(f"{self} has a negative part.")

    @property
    def available(self) -> int:
        """Credits of the allowance that can be spent now."""
        return max(self.allowance - self.revoked - self.held - self.used, 0)

    @property
    def in_the_books(self) -> int:
        """What the ledger's deltas add up to: available, and held but not yet decided."""
        return self.available + self.held

    def on_allowance(self, allowance: int) -> "Balance":
        """The same cycle on another plan: what was used stays used."""
        return replace(self, allowance=allowance)

    def refilled(self, allowance: int) -> "Balance":
        """The same cycle begun afresh by force: nothing used, and what is held stays held."""
        return Balance(allowance=allowance, held=self.held)

    def less(self, credits: int) -> "Balance":
        """With so many of the available credits revoked, or as many as there are."""
        return replace(self, revoked=self.revoked + min(credits, self.available))


@dataclass(frozen=True, slots=True)
class Boundary:
    """The start of a cycle: its number and its instant in UTC."""

    cycle: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ResetStep:
    """One reset, as the ledger records it.

    `delta` is the signed change of the books: what expired goes, the new allowance comes.
    `was_missed` marks a boundary that another had followed by the time it was applied;
    `was_skipped` one that passed while the subscription was not active, and granted nothing.
    """

    boundary: Boundary
    expired: int
    granted: int
    delta: int
    was_missed: bool
    was_skipped: bool


def resets(
    before: Balance, allowance: int, boundaries: Sequence[Boundary], *, was_away: bool = False
) -> list[ResetStep]:
    """One step for each boundary passed: as many rows as months, yet one allowance in effect.

    Credits still held belong to the cycle that ends. The books counted them as there, for nothing
    was settled; so the first step takes them out as well, and their own settlement, when it comes,
    costs the new cycle nothing. `was_away` makes all but the last step grant nothing.
    """
    steps = []
    for boundary in boundaries:
        missed = boundary is not boundaries[-1]
        skipped = missed and was_away
        after = Balance(0 if skipped else allowance)
        steps.append(
            ResetStep(
                boundary=boundary,
                expired=before.available,
                granted=after.allowance,
                delta=after.in_the_books - before.in_the_books,
                was_missed=missed and not skipped,
                was_skipped=skipped,
            )
        )
        before = after
    return steps


@dataclass(frozen=True, slots=True)
class Source:
    """Credits that burn together: a grant, or with `grant_id` None the allowance."""

    grant_id: int | None
    credits: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """So many credits of one source."""

    grant_id: int | None
    credits: int


def in_burn_order(sources: Iterable[Source]) -> list[Source]:
    """What expires first burns first; what never expires, last. A tie favours the older grant.

    The allowance expires at the reset. A grant that expires with it burns before it.
    """
    return sorted(sources, key=burn_key)


def allocate(sources: Iterable[Source], credits: int) -> list[Part] | None:
    """Which credits a spend of so many takes; None when there are not enough."""
    parts = []
    for source in in_burn_order(sources):
        taken = min(source.credits, credits)
        if taken:
            parts.append(Part(source.grant_id, taken))
            credits -= taken
    return None if credits else parts


def split(parts: Sequence[Part], credits: int) -> tuple[list[Part], list[Part]]:
    """The first so many credits of the parts, and the rest: what settles and what comes back."""
    kept, rest = [], []
    for part in parts:
        taken = min(part.credits, credits)
        credits -= taken
        kept.append(Part(part.grant_id, taken))
        rest.append(Part(part.grant_id, part.credits - taken))
    return [part for part in kept if part.credits], [part for part in rest if part.credits]


def burn_key(source: Source) -> tuple[bool, float, bool, int]:
    """The order in which sources burn: see `in_burn_order`."""
    never = source.expires_at is None
    at = source.expires_at.timestamp() if source.expires_at else 0.0
    return never, at, source.grant_id is None, source.grant_id or 0
