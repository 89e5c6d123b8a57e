"""What the books of one account must be: a fold over its ledger and its holds.

Written from the rules, not from the engine: boundaries come from dateutil, and nothing of
`sketchmaker.credits` is imported. Each row must follow from the state before it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.calendar import boundary
from tests.simulation.world import Violation

Row = dict[str, Any]
DAY = timedelta(days=1)
ALLOWANCE = None
"""The source of credits that is no grant."""


@dataclass
class Grant:
    """Credits that survive resets."""

    remaining: int
    expires_at: datetime | None
    held: int = 0

    def is_over(self, now: datetime) -> bool:
        """Has it expired?"""
        return self.expires_at is not None and self.expires_at <= now


@dataclass
class Hold:
    """Credits set aside: of which sources, in which cycle."""

    cycle: int
    parts: list[tuple[int | None, int]]
    credits: int
    expires_at: datetime


@dataclass
class Account:
    """One subscription as its history says it must be."""

    subscription_id: int
    user_id: int
    zone: str
    anchor: datetime
    plans: dict[str, int]
    plan: str
    allowance: int = 0
    first: int = 0
    cycle: int = 0
    used: int = 0
    revoked: int = 0
    bonus_used: int = 0
    next_plan: str | None = None
    is_active: bool = True
    last_reset: datetime | None = None
    grants: dict[int, Grant] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    by_hand: list[datetime] = field(default_factory=list)
    granted_while_away: int = 0
    spent: int = 0
    """Credits of this cycle's allowance that were used, forced resets or not."""
    largest: int = 0
    """The largest allowance that this cycle had."""
    refills: int = 0
    """How often this cycle was reset by force."""

    @property
    def held(self) -> int:
        """Credits of this cycle's allowance that are held."""
        present = (hold for hold in self.holds.values() if hold.cycle == self.cycle)
        return sum(n for hold in present for grant, n in hold.parts if grant is ALLOWANCE)

    @property
    def of_allowance(self) -> int:
        """What the allowance still gives."""
        return max(self.allowance - self.revoked - self.held - self.used, 0)

    @property
    def bonus(self) -> int:
        """What the grants still give."""
        return sum(grant.remaining for grant in self.grants.values())

    @property
    def bonus_held(self) -> int:
        """What is held of grants, in whatever cycle."""
        return sum(grant.held for grant in self.grants.values())

    @property
    def available(self) -> int:
        """The one number for a person."""
        return self.of_allowance + self.bonus

    @property
    def ceiling(self) -> int:
        """The most that this cycle's allowance may give: the largest plan, and each refill."""
        return self.largest * (1 + self.refills)

    @property
    def next_boundary(self) -> datetime:
        """When the next cycle begins."""
        return boundary(self.anchor, self.cycle + 1 - self.first, self.zone)

    def could_spend(self, now: datetime) -> int:
        """What could be spent at `now`, with what is due or over by then taken as done."""
        of_grants = sum(g.remaining for g in self.grants.values() if not g.is_over(now))
        if not self.is_active:
            return 0
        if self.next_boundary > now:
            return self.of_allowance + of_grants
        return self.plans[self.next_plan or self.plan] + of_grants

    def books(self) -> dict[str, Any]:
        """The numbers that the subscription's row must show."""
        expiries = [g.expires_at for g in self.grants.values() if g.remaining and g.expires_at]
        return {
            "cycle": self.cycle,
            "anchor_cycle": self.first,
            "subscription_start": self.anchor,
            "last_credit_reset": self.last_reset,
            "next_credit_reset": self.next_boundary,
            "cycle_allowance": self.allowance,
            "credits_revoked": self.revoked,
            "credits_remaining": self.available,
            "credits_held": self.held + self.bonus_held,
            "credits_used_this_month": self.used + self.bonus_used,
            "bonus_remaining": self.bonus,
            "bonus_held": self.bonus_held,
            "bonus_used": self.bonus_used,
            "bonus_expires_at": min(expiries, default=None),
            "is_active": self.is_active,
            "plan": self.plan,
            "next_plan": self.next_plan,
        }

    def take(self, parts: list[tuple[int | None, int]], now: datetime) -> None:
        """Credits leave the available ones, in burn order.

        Raises:
            Violation: there are not so many, or others burn first.
        """
        if not self.is_active:
            raise Violation("An inactive subscription was spent from.")
        if now >= self.next_boundary:
            raise Violation(f"At {now} cycle {self.cycle} was over, and was spent from.")
        amount = sum(n for _, n in parts)
        expected = self._allocated(amount, now)
        if expected != parts:
            raise Violation(f"{amount} credits should come from {expected}, came from {parts}.")
        for grant_id, n in parts:
            if grant_id is not ALLOWANCE:
                self.grants[grant_id].remaining -= n

    def use(self, parts: list[tuple[int | None, int]], *, in_cycle: bool) -> None:
        """Credits that were taken are used; in this cycle or for one that is over."""
        for grant_id, n in parts:
            if grant_id is ALLOWANCE and in_cycle:
                self.used += n
                self.spent += n
            elif grant_id is not ALLOWANCE and in_cycle:
                self.bonus_used += n

    def begin_cycle(self, plan: str, allowance: int, at: datetime) -> None:
        """The next cycle begins, with its allowance and nothing else of the old one."""
        self.cycle += 1
        self.plan, self.next_plan = plan, None
        self.allowance = self.largest = allowance
        self.refills = 0
        self.used = self.revoked = self.bonus_used = self.spent = 0
        self.last_reset = at

    def on_plan(self, plan: str) -> None:
        """Another plan, in the same cycle."""
        self.plan, self.next_plan = plan, None
        self.allowance = self.plans[plan]
        self.largest = max(self.largest, self.allowance)

    def _allocated(self, amount: int, now: datetime) -> list[tuple[int | None, int]]:
        sources: list[tuple[datetime, bool, int, int | None, int]] = [
            (self.next_boundary, True, 0, ALLOWANCE, self.of_allowance)
        ]
        for grant_id, grant in self.grants.items():
            if grant.remaining and not grant.is_over(now):
                never = datetime.max.replace(tzinfo=now.tzinfo)
                expiry = grant.expires_at or never
                sources.append((expiry, False, grant_id, grant_id, grant.remaining))
        parts = []
        for *_, grant_id_or_none, there in sorted(sources, key=lambda s: s[:3]):
            taken = min(there, amount)
            if taken:
                parts.append((grant_id_or_none, taken))
                amount -= taken
        if amount:
            raise Violation(f"{amount} credits more were spent than there were.")
        return parts
