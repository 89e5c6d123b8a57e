"""What an account is made of: grants, holds, and what was spent."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PLANS = {"free": 10, "mini": 4, "large": 25, "nothing": 0}
DEFAULT_PLAN = "mini"
NEVER = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)

ALLOWANCE = None
"""The source of credits that is no grant."""

Parts = list[tuple[int | None, int]]
"""Credits by their sources, each a grant's key or `ALLOWANCE`."""


class Refused(Exception):
    """The rules refuse; `name` is that of the engine's error, `facts` what it says."""

    def __init__(self, name: str, **facts: object) -> None:
        self.name = name
        self.facts = facts
        super().__init__(name)


@dataclass
class Grant:
    """Credits that survive resets, and what became of them."""

    expires_at: datetime
    remaining: int
    held: int = 0
    used: int = 0
    expired: int = 0
    voided: int = 0
    is_voided: bool = False

    def come_back(self, credits: int, now: datetime) -> str:
        """Credits that were held or used come back; where they go is said."""
        if self.is_voided:
            self.voided += credits
            return "voided"
        if self.expires_at <= now:
            self.expired += credits
            return "expired"
        self.remaining += credits
        return "remaining"

    def expire(self, now: datetime) -> int:
        """Its time may be over: how many credits are gone with it."""
        gone = self.remaining if self.expires_at <= now else 0
        self.expired += gone
        self.remaining -= gone
        return gone


@dataclass
class Spend:
    """A charge, or what was settled of a hold: what can be refunded."""

    cycle: int
    refills: int
    parts: Parts
    refunded: int = 0

    @property
    def credits(self) -> int:
        """How many were spent, refunds left aside."""
        return sum(credits for _, credits in self.parts)

    def next_back(self, credits: int) -> Parts:
        """The allowance's come back first, then the grants', the last spent first; one by one."""
        of_grants = [part for part in self.parts if part[0] is not ALLOWANCE]
        of_allowance = [part for part in self.parts if part[0] is ALLOWANCE]
        in_order = [*of_allowance, *reversed(of_grants)]
        one_by_one = [source for source, n in in_order for _ in range(n)]
        return [(source, 1) for source in one_by_one[self.refunded : self.refunded + credits]]


@dataclass
class Hold:
    """Credits set aside for work under way."""

    cycle: int
    parts: Parts
    expires_at: datetime
    state: str = "pending"
    settled: int = 0

    @property
    def credits(self) -> int:
        """How many were set aside."""
        return sum(credits for _, credits in self.parts)


@dataclass
class Suspension:
    """Why resets of an account are suspended, and until when."""

    cause: str
    retry_at: datetime
    failures: int = 0


@dataclass
class End:
    """How a hold ended."""

    settled: int
    returned: int
    available: int
