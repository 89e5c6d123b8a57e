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
