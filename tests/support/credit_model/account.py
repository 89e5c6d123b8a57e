"""One subscription with its user's grants and holds: what there is, and what each change does.

Nothing is brought up to the present here, and no time is looked at but where a rule names one:
whoever changes something says in which order. Grants, holds and spends go by keys of the caller's.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tests.support.credit_model.calendar import boundary
from tests.support.credit_model.parts import (
    ALLOWANCE,
    NEVER,
    PLANS,
    End,
    Grant,
    Hold,
    Parts,
    Refused,
    Spend,
)


@dataclass
class Account:
    """What somebody has. Whole credits; instants in UTC."""

    plan: str
    anchor: datetime
    zone: str
    plans: dict[str, int] = field(default_factory=lambda: PLANS)
    next_plan: str | None = None
    is_active: bool = True
    cycle: int = 0
    first_cycle: int = 0
    allowance: int = 0
    used: int = 0
    bonus_used: int = 0
    revoked: int = 0
    last_reset: datetime = NEVER
    next_reset: datetime = NEVER
    grants: dict[int, Grant] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    spends: dict[int, Spend] = field(default_factory=dict)
    refills: int = 0
    """How often the allowance was given afresh by force."""

    def __post_init__(self) -> None:
        self.allowance = self.plans[self.plan]
        self.last_reset = self.anchor
        self.next_reset = self.start_of(1)

    # What there is.

    def start_of(self, cycle: int) -> datetime:
        """When that cycle begins by the anchor."""
        return boundary(self.anchor, cycle - self.first_cycle, self.zone)

    @property
    def pending(self) -> list[Hold]:
        """The holds that nobody has ended."""
        return [hold for hold in self.holds.values() if hold.state == "pending"]

    @property
    def held_of_allowance(self) -> int:
        """What is held of this cycle's allowance."""
        ours = [hold for hold in self.pending if hold.cycle == self.cycle]
        return sum(n for hold in ours for source, n in hold.parts if source is ALLOWANCE)

    @property
    def of_allowance(self) -> int:
        """What the allowance still gives."""
        return max(self.allowance - self.revoked - self.held_of_allowance - self.used, 0)

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

    def row(self) -> dict[str, object]:
        """What `user_subscriptions` must say."""
        expiries = [grant.expires_at for grant in self.grants.values() if grant.remaining]
        expiry = min((at for at in expiries if at != NEVER), default=None)
        return {
            "plan": self.plan,
            "next_plan": self.next_plan,
            "is_active": self.is_active,
            "cycle": self.cycle,
            "anchor_cycle": self.first_cycle,
            "subscription_start": self.anchor,
            "last_credit_reset": self.last_reset,
            "next_credit_reset": self.next_reset,
            "cycle_allowance": self.allowance,
            "credits_revoked": self.revoked,
            "credits_remaining": self.available,
            "credits_held": self.held_of_allowance + self.bonus_held,
            "credits_used_this_month": self.used + self.bonus_used,
            "bonus_remaining": self.bonus,
            "bonus_held": self.bonus_held,
            "bonus_used": self.bonus_used,
            "bonus_expires_at": expiry,
        }

    # Spending.

    def burnt(self, credits: int, now: datetime) -> Parts:
        """Of which sources so many credits come: what expires first, the allowance last of equals.

        Raises:
            Refused: there are not so many.
        """
        sources = [(self.next_reset, 1, 0, ALLOWANCE, self.of_allowance)]
        alive = [(key, each) for key, each in self.grants.items() if each.expires_at > now]
        grants = [(each.expires_at, 0, key, key, each.remaining) for key, each in alive]
        parts: Parts = []
        wanted = credits
        for *_, source, there in sorted([*grants, *sources], key=lambda each: each[:3]):
            taken = min(there, wanted)
            wanted -= taken
            if taken:
                parts.append((source, taken))
        if wanted:
            raise Refused("InsufficientCredits", required=credits, available=self.available)
        return parts

    def use(self, parts: Parts, key: int) -> None:
        """They are spent at once."""
        for source, n in parts:
            if source is ALLOWANCE:
                self.used += n
            else:
                self.grants[source].remaining -= n
                self.grants[source].used += n
                self.bonus_used += n
        self.spends[key] = Spend(self.cycle, self.refills, parts)

    def set_credits_aside(self, parts: Parts, key: int, until: datetime) -> Hold:
        """They are held."""
        for source, n in parts:
            if source is not ALLOWANCE:
                self.grants[source].remaining -= n
                self.grants[source].held += n
        hold = self.holds[key] = Hold(self.cycle, parts, until)
        return hold

    def close(self, hold: Hold, settled: int, state: str, now: datetime, key: int) -> End:
        """A hold ends: so much of it is used, in burn order, the rest comes back."""
        before = self.available
        hold.state, hold.settled = state, settled
        left, used_parts = settled, []
        for source, n in hold.parts:
            used = min(n, left)
            left -= used
            used_parts.append((source, used))
            if source is not ALLOWANCE:
                self.grants[source].held -= n
                self.grants[source].used += used
                self.grants[source].come_back(n - used, now)
            if hold.cycle == self.cycle:
                self.used += used if source is ALLOWANCE else 0
                self.bonus_used += 0 if source is ALLOWANCE else used
        if settled:
            self.spends[key] = Spend(hold.cycle, self.refills, used_parts)
        return End(settled, self.available - before, self.available)

    # Giving and taking back.

    def give_back(self, spend: Spend, credits: int, now: datetime, key: int) -> tuple[int, int]:
        """A refund: how many credits came as a grant, and how many came back at all.

        Raises:
            Refused: more than is left of the spend.
        """
        left = spend.credits - spend.refunded
        if credits > left:
            raise Refused("RefundTooLarge", asked=credits, left=left)
        before, granted = self.available, 0
        is_present = (spend.cycle, spend.refills) == (self.cycle, self.refills)
        for source, n in spend.next_back(credits):
            if source is ALLOWANCE:
                self.used -= n if is_present else 0
                granted += 0 if is_present else n
                continue
            self.bonus_used -= n if is_present else 0
            self.grants[source].used -= n
            granted += n if self.grants[source].come_back(n, now) == "expired" else 0
        if granted:
            self.grants[key] = Grant(NEVER, granted)
        spend.refunded += credits
        return granted, self.available - before

    def void_grant(self, grant: Grant) -> tuple[int, int]:
        """How many credits were taken back, and how many are held.

        Raises:
            Refused: nothing is left to take back.
        """
        if grant.is_voided or not grant.remaining + grant.held:
            raise Refused("NothingToChange")
        taken, grant.remaining = grant.remaining, 0
        grant.voided += taken
        grant.is_voided = True
        return taken, grant.held

    def take_back(self, credits: int) -> int:
        """Of this cycle's allowance, as many as are left."""
        taken = min(credits, self.of_allowance)
        self.revoked += taken
        return taken

    # Plans and cycles.

    def on_plan(self, plan: str) -> None:
        """Another plan, in the same cycle."""
        self.plan, self.next_plan, self.allowance = plan, None, self.plans[plan]

    def plan_after_reset(self, plan: str) -> None:
        """Another plan from the next reset on; back to the present one is no change."""
        self.next_plan = None if plan == self.plan else plan

    def begin_cycle(self, *, is_skipped: bool = False) -> None:
        """The next cycle begins, with its allowance and nothing else of the old one."""
        self.cycle += 1
        self.last_reset = self.next_reset
        self.next_reset = self.start_of(self.cycle + 1)
        self.on_plan(self.next_plan or self.plan)
        self._afresh(0 if is_skipped else self.allowance)

    def restart(self, plan: str, now: datetime, zone: str | None) -> None:
        """A new cycle with a new anchor, now."""
        self.cycle += 1
        self.zone = zone or self.zone
        self.first_cycle, self.anchor, self.last_reset = self.cycle, now, now
        self.next_reset = self.start_of(self.cycle + 1)
        self.on_plan(plan)
        self._afresh(self.allowance)

    def refill(self, now: datetime) -> None:
        """By force: the allowance afresh, in the same cycle."""
        self.refills += 1
        self.last_reset = max(now, self.last_reset)
        self._afresh(self.plans[self.plan])

    def may_move_reset_to(self, at: datetime) -> bool:
        """Only between its neighbours."""
        return self.last_reset < at < self.start_of(self.cycle + 2)

    def go(self) -> None:
        """The subscription ends; its balance stays."""
        self.is_active, self.next_plan = False, None

    def _afresh(self, allowance: int) -> None:
        self.allowance = allowance
        self.used = self.revoked = self.bonus_used = 0
