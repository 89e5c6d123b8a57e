"""The rules of credits once more, in plain Python: what the engine is held against.

Nothing here is taken from the engine. Months are added by dateutil, credits are kept in lists, and
every number is summed up anew when it is asked for: slow, obvious, and if wrong, then differently.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

PLANS = {"free": 10, "mini": 4, "large": 25, "nothing": 0}
DEFAULT_PLAN = "mini"
NEVER = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)


class Refused(Exception):
    """The rules refuse; `name` is that of the engine's error, `facts` what it says."""

    def __init__(self, name: str, **facts: object) -> None:
        self.name = name
        self.facts = facts
        super().__init__(name)


@dataclass
class Grant:
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


@dataclass
class Spend:
    """A charge, or what was settled of a hold: what can be refunded."""

    cycle: int
    refills: int
    parts: list[tuple[int | None, int]]
    refunded: int = 0

    @property
    def credits(self) -> int:
        return sum(credits for _, credits in self.parts)


@dataclass
class Hold:
    cycle: int
    parts: list[tuple[int | None, int]]  # the grant's place in the list, None for the allowance
    expires_at: datetime
    state: str = "pending"
    settled: int = 0

    @property
    def credits(self) -> int:
        return sum(credits for _, credits in self.parts)


@dataclass
class SetAside:
    cause: str
    retry_at: datetime
    failures: int = 0


@dataclass
class End:
    settled: int
    returned: int
    available: int


@dataclass
class Person:
    """One subscription, and the grants and holds of its user."""

    plan: str
    anchor: datetime
    zone: str
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
    grants: list[Grant] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    spends: list[Spend] = field(default_factory=list)
    refills: int = 0
    given_at: list[datetime] = field(default_factory=list)
    by_hand_at: list[datetime] = field(default_factory=list)
    set_aside: SetAside | None = None
    reset_cycles: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.allowance = PLANS[self.plan]
        self.last_reset = self.anchor
        self.next_reset = self.start_of(1)

    # What there is.

    def start_of(self, cycle: int) -> datetime:
        if cycle == self.first_cycle:
            return self.anchor
        local = self.anchor.astimezone(ZoneInfo(self.zone)).replace(fold=0)
        return (local + relativedelta(months=cycle - self.first_cycle)).astimezone(UTC)

    @property
    def pending(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.state == "pending"]

    @property
    def held_of_allowance(self) -> int:
        ours = [hold for hold in self.pending if hold.cycle == self.cycle]
        return sum(n for hold in ours for grant, n in hold.parts if grant is None)

    @property
    def of_allowance(self) -> int:
        return max(self.allowance - self.revoked - self.held_of_allowance - self.used, 0)

    @property
    def bonus(self) -> int:
        return sum(grant.remaining for grant in self.grants)

    @property
    def bonus_held(self) -> int:
        return sum(grant.held for grant in self.grants)

    @property
    def available(self) -> int:
        return self.of_allowance + self.bonus

    def row(self) -> dict[str, object]:
        """What `user_subscriptions` must say."""
        expiries = [grant.expires_at for grant in self.grants if grant.remaining]
        expiry = min((at for at in expiries if at != NEVER), default=None)
        return {
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

    def seen_at(self, now: datetime) -> dict[str, object]:
        """What a person must be shown: all that is due taken as done."""
        then = deepcopy(self)
        then._end_holds(now)
        is_suspended = then.next_reset <= now and then._waits(now)
        if then.next_reset <= now and not is_suspended:
            then._reset(now)
        then._expire(now)
        return {
            "plan_name": then.plan,
            "allowance": then.allowance,
            "available": 0 if is_suspended else then.available,
            "bonus": 0 if is_suspended else then.bonus,
            "is_suspended": is_suspended,
            "used": then.used + then.bonus_used,
            "held": then.held_of_allowance + then.bonus_held,
            "cycle": then.cycle,
            "anchor": then.anchor,
            "last_reset": then.last_reset,
            "next_reset": then.next_reset,
        }

    # What may happen. A refusal leaves everything as it was.

    @contextmanager
    def whole_or_not_at_all(self) -> Iterator[None]:
        before = deepcopy(self.__dict__)
        try:
            yield
        except Refused:
            self.__dict__.update(before)
            raise

    def spend(self, credits: int, now: datetime) -> None:
        if not self._is_simple(credits, now):
            self.bring_up(now)
        parts = self._taken(credits)
        for grant, n in parts:
            self._use(grant, n)
        self.spends.append(Spend(self.cycle, self.refills, parts))

    def hold(self, credits: int, until: datetime, now: datetime) -> Hold:
        if not self._is_simple(credits, now):
            self.bring_up(now)
        parts = self._taken(credits)
        for grant, n in parts:
            if grant is not None:
                self.grants[grant].remaining -= n
                self.grants[grant].held += n
        self.holds.append(Hold(self.cycle, parts, until))
        return self.holds[-1]

    def end_hold(self, hold: Hold, settled: int, state: str, now: datetime) -> End:
        self._must_be_pending(hold, now)
        if settled > hold.credits:
            raise Refused("InvalidAmount", limit=hold.credits)
        if self.is_active:
            self.bring_up(now, forgiving=True)
        self._end_holds(now)
        self._expire(now)
        return self._end_hold(hold, settled, state, now)

    def _end_hold(self, hold: Hold, settled: int, state: str, now: datetime) -> End:
        before = self.available
        hold.state, hold.settled = state, settled
        left, parts = settled, []
        for place, n in hold.parts:
            used = min(n, left)
            left -= used
            self._end_part(hold, place, n, used, now)
            parts.append((place, used))
        if settled:
            self.spends.append(Spend(hold.cycle, self.refills, parts))
        return End(settled, self.available - before, self.available)

    def expire_holds(self, now: datetime) -> int:
        return self._end_holds(now)

    def extend(self, hold: Hold, until: datetime, now: datetime) -> None:
        self._must_be_pending(hold, now)
        hold.expires_at = max(hold.expires_at, until)

    def grant(self, credits: int, expires_at: datetime, now: datetime) -> None:
        if expires_at <= now:
            raise Refused("InvalidGrant")
        self.bring_up(now, forgiving=True)
        self.grants.append(Grant(expires_at, credits))

    def void(self, place: int, now: datetime) -> tuple[int, int]:
        """Of the grant: how many credits were taken back, and how many are held."""
        self._bring_up_grants(now)
        grant = self.grants[place]
        if grant.is_voided or not grant.remaining + grant.held:
            raise Refused("NothingToChange")
        taken, grant.remaining = grant.remaining, 0
        grant.voided += taken
        grant.is_voided = True
        return taken, grant.held

    def refund(self, spend: Spend, credits: int, now: datetime) -> tuple[int, int]:
        """How many credits came as a grant, and how many came back at all."""
        self._bring_up_grants(now)
        left = spend.credits - spend.refunded
        if credits > left:
            raise Refused("RefundTooLarge", asked=credits, left=left)
        before, granted = self.available, 0
        is_present = (spend.cycle, spend.refills) == (self.cycle, self.refills)
        for place, n in _refunded_parts(spend, credits):
            if place is None:
                self.used -= n if is_present else 0
                granted += 0 if is_present else n
                continue
            self.bonus_used -= n if is_present else 0
            self.grants[place].used -= n
            granted += n if self.grants[place].come_back(n, now) == "expired" else 0
        if granted:
            self.grants.append(Grant(NEVER, granted))
        spend.refunded += credits
        return granted, self.available - before

    def end_plan(self, plan: str, now: datetime) -> None:
        """The plan ends with its cycle: `plan` is the default one."""
        self.bring_up(now)
        if plan in {self.plan, self.next_plan}:
            raise Refused("NothingToChange")
        self.next_plan = plan

    def expire_grants(self, now: datetime) -> int:
        return self._expire(now)

    def revoke(self, credits: int, now: datetime) -> int:
        self.bring_up(now)
        taken = min(credits, self.of_allowance)
        if not taken:
            raise Refused("NothingToChange")
        self.revoked += taken
        return taken

    def change_plan(self, plan: str, when: str, now: datetime, zone: str | None = None) -> None:
        self.bring_up(now)
        if plan == self.plan and self.next_plan is None and when != "restart":
            raise Refused("NothingToChange")
        if when == "next_reset":
            self.next_plan = None if plan == self.plan else plan
            return
        if when == "restart":
            self.give_by_hand(now)
        self.plan, self.next_plan, self.allowance = plan, None, PLANS[plan]
        if when == "restart":
            self.cycle += 1
            self.zone = zone or self.zone
            self.first_cycle, self.anchor, self.last_reset = self.cycle, now, now
            self.next_reset = self.start_of(self.cycle + 1)
            self.used = self.revoked = self.bonus_used = 0
            self.given_at.append(now)

    def cancel_change(self, now: datetime) -> None:
        self.bring_up(now)
        if self.next_plan is None:
            raise Refused("NothingToChange")
        self.next_plan = None

    def deactivate(self, now: datetime) -> None:
        if not self.is_active:
            raise Refused("NothingToChange")
        self.bring_up(now, forgiving=True)
        self.is_active, self.next_plan = False, None

    def reactivate(self, now: datetime) -> None:
        if self.is_active:
            raise Refused("NothingToChange")
        if self.next_reset <= now and self._waits(now):
            raise Refused("SetAside")
        self._end_holds(now)
        if self.next_reset <= now:
            self._reset(now)
        self._expire(now)
        self.is_active = True

    def reschedule(self, at: datetime, now: datetime) -> None:
        if not self.is_active:
            raise Refused("SubscriptionNotFound")
        self.bring_up(now, forgiving=True)
        if not self.last_reset < at < self.start_of(self.cycle + 2):
            raise Refused("InvalidResetDate")
        self.next_reset = at

    def pause(self, now: datetime) -> None:
        if not self.is_active:
            raise Refused("SubscriptionNotFound")
        self.bring_up(now, forgiving=True)
        failures = self.set_aside.failures if self.set_aside else 0
        self.set_aside = SetAside("paused", NEVER, failures)

    def default_when(self, plan: str, now: datetime) -> str:
        then = deepcopy(self)
        then.bring_up(now)
        return "now" if PLANS[plan] >= then.allowance else "next_reset"

    def force_reset(self, now: datetime) -> None:
        self.bring_up(now)
        self.give_by_hand(now)
        self.refills += 1
        self.used = self.revoked = self.bonus_used = 0
        self.allowance = PLANS[self.plan]
        self.last_reset = max(now, self.last_reset)
        self.given_at.append(now)
        self._watch(now)

    def give_by_hand(self, now: datetime) -> None:
        if len([at for at in self.by_hand_at if now - DAY < at <= now]) >= 2:
            raise Refused("AllowanceLimit")
        self.by_hand_at.append(now)

    def reset_if_due(self, now: datetime) -> bool:
        if not self.is_active or self.next_reset > now or self._waits(now):
            return False
        is_near = self.next_reset - self.last_reset < 27 * DAY
        self._reset(now)
        if self.set_aside and self.set_aside.cause == "failed":
            self.set_aside = None
        if is_near:
            self._watch(now)
        return True

    def fail(self, now: datetime) -> None:
        """A reset failed, so somebody set the subscription aside."""
        aside = self.set_aside = self.set_aside or SetAside("failed", NEVER)
        aside.failures += 1
        if aside.cause == "failed":
            minutes = min(2 ** (aside.failures - 1), 60)
            aside.retry_at = now + timedelta(minutes=minutes)

    def bring_up(self, now: datetime, *, forgiving: bool = False) -> None:
        self._end_holds(now)
        if not self.is_active:
            self._expire(now)
            raise Refused("NoActiveSubscription")
        if self.next_reset <= now and not self.reset_if_due(now) and not forgiving:
            raise Refused("SetAside")
        self._expire(now)

    # How.

    def _bring_up_grants(self, now: datetime) -> None:
        if self.is_active:
            self.bring_up(now, forgiving=True)
        self._end_holds(now)
        self._expire(now)

    def _is_simple(self, credits: int, now: datetime) -> bool:
        """Nothing is due that could matter: what is over but holds nothing stays unwritten."""
        first_expiry = min((g.expires_at for g in self.grants if g.remaining), default=NEVER)
        held = self.held_of_allowance + self.bonus_held
        return (
            self.is_active
            and self.next_reset > now
            and self.of_allowance >= credits
            and (first_expiry == NEVER or first_expiry > self.next_reset)
            and not (held and any(hold.expires_at <= now for hold in self.pending))
        )

    def _end_holds(self, now: datetime) -> int:
        over = [hold for hold in self.pending if hold.expires_at <= now]
        for hold in sorted(over, key=lambda hold: hold.expires_at):
            if hold.expires_at >= self.next_reset:
                self.reset_if_due(now)
            self._end_hold(hold, 0, "expired", now)
        return len(over)

    @staticmethod
    def _must_be_pending(hold: Hold, now: datetime) -> None:
        if hold.state != "pending":
            raise Refused("HoldNotPending", state=hold.state)
        if hold.expires_at <= now:
            raise Refused("HoldNotPending", state="expired")

    def _taken(self, credits: int) -> list[tuple[int | None, int]]:
        sources = [(self.next_reset, 1, None, self.of_allowance)]
        grants = [(g.expires_at, 0, place, g.remaining) for place, g in enumerate(self.grants)]
        parts: list[tuple[int | None, int]] = []
        wanted = credits
        for _, _, place, there in sorted(
            [*grants, *sources], key=lambda s: (s[0], s[1], s[2] or 0)
        ):
            taken = min(there, wanted)
            wanted -= taken
            if taken:
                parts.append((place, taken))
        if wanted:
            raise Refused("InsufficientCredits", required=credits, available=self.available)
        return parts

    def _use(self, place: int | None, credits: int) -> None:
        if place is None:
            self.used += credits
        else:
            self.grants[place].remaining -= credits
            self.grants[place].used += credits
            self.bonus_used += credits

    def _end_part(
        self, hold: Hold, place: int | None, credits: int, used: int, now: datetime
    ) -> None:
        if hold.cycle == self.cycle:
            if place is None:
                self.used += used
            else:
                self.bonus_used += used
        if place is not None:
            grant = self.grants[place]
            grant.held -= credits
            grant.used += used
            grant.come_back(credits - used, now)

    def _expire(self, now: datetime) -> int:
        gone = 0
        for grant in self.grants:
            if grant.expires_at <= now:
                gone += grant.remaining
                grant.expired += grant.remaining
                grant.remaining = 0
        return gone

    def _reset(self, now: datetime) -> None:
        self.cycle += 1
        self.last_reset = self.next_reset
        self.reset_cycles.append(self.cycle)
        while self.start_of(self.cycle + 1) <= now:
            self.cycle += 1
            self.last_reset = self.start_of(self.cycle)
            self.reset_cycles.append(self.cycle)
        self.next_reset = self.start_of(self.cycle + 1)
        self.plan, self.next_plan = self.next_plan or self.plan, None
        self.allowance = PLANS[self.plan]
        self.used = self.revoked = self.bonus_used = 0
        self.given_at.append(now)

    def _waits(self, now: datetime) -> bool:
        return self.set_aside is not None and self.set_aside.retry_at > now

    def _watch(self, now: datetime) -> None:
        lately = {at for at in self.given_at if now - DAY < at <= now}
        if len(lately) > 3:
            failures = self.set_aside.failures if self.set_aside else 0
            self.set_aside = SetAside("runaway", NEVER, failures)


def _refunded_parts(spend: Spend, credits: int) -> list[tuple[int | None, int]]:
    """The allowance first, then the grants, the last spent first; one credit at a time."""
    of_grants = [part for part in spend.parts if part[0] is not None]
    of_allowance = [part for part in spend.parts if part[0] is None]
    one_by_one = [place for place, n in [*of_allowance, *reversed(of_grants)] for _ in range(n)]
    return [(place, 1) for place in one_by_one[spend.refunded : spend.refunded + credits]]
