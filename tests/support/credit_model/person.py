"""An account as the verbs treat it: what is due comes first, and a refusal changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.support.credit_model.account import Account
from tests.support.credit_model.parts import (
    DAY,
    NEVER,
    End,
    Grant,
    Hold,
    Refused,
    Spend,
    Suspension,
)


@dataclass
class Person(Account):
    """Asked as the engine is. Grants, holds and spends go by their places, from 0."""

    given_at: list[datetime] = field(default_factory=list)
    by_hand_at: list[datetime] = field(default_factory=list)
    suspended: Suspension | None = None

    def seen_at(self, now: datetime) -> dict[str, object]:
        """What a person must be shown: all that is due taken as done."""
        then = deepcopy(self)
        then._end_holds(now)
        is_suspended = then.next_reset <= now and then._waits(now)
        if then.next_reset <= now and not is_suspended:
            then._reset(now)
        then.expire_grants(now)
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

    @contextmanager
    def whole_or_not_at_all(self) -> Iterator[None]:
        """A refusal leaves everything as it was."""
        before = deepcopy(self.__dict__)
        try:
            yield
        except Refused:
            self.__dict__.update(before)
            raise

    # What people do.

    def spend(self, credits: int, now: datetime) -> None:
        if not self._is_simple(credits, now):
            self.bring_up(now)
        self.use(self.burnt(credits, now), len(self.spends))

    def hold(self, credits: int, until: datetime, now: datetime) -> Hold:
        if not self._is_simple(credits, now):
            self.bring_up(now)
        return self.set_credits_aside(self.burnt(credits, now), len(self.holds), until)

    def end_hold(self, hold: Hold, settled: int, state: str, now: datetime) -> End:
        self._must_be_pending(hold, now)
        if settled > hold.credits:
            raise Refused("InvalidAmount", limit=hold.credits)
        self._bring_up_grants(now)
        return self.close(hold, settled, state, now, len(self.spends))

    def extend(self, hold: Hold, until: datetime, now: datetime) -> None:
        self._must_be_pending(hold, now)
        hold.expires_at = max(hold.expires_at, until)

    # What is done to their credits.

    def grant(self, credits: int, expires_at: datetime, now: datetime) -> None:
        if expires_at <= now:
            raise Refused("InvalidGrant")
        self.bring_up(now, forgiving=True)
        self.grants[len(self.grants)] = Grant(expires_at, credits)

    def void(self, place: int, now: datetime) -> tuple[int, int]:
        self._bring_up_grants(now)
        return self.void_grant(self.grants[place])

    def refund(self, spend: Spend, credits: int, now: datetime) -> tuple[int, int]:
        self._bring_up_grants(now)
        return self.give_back(spend, credits, now, len(self.grants))

    def revoke(self, credits: int, now: datetime) -> int:
        self.bring_up(now)
        taken = self.take_back(credits)
        if not taken:
            raise Refused("NothingToChange")
        return taken

    # What is done to their subscription.

    def change_plan(self, plan: str, when: str, now: datetime, zone: str | None = None) -> None:
        self.bring_up(now)
        if plan == self.plan and self.next_plan is None and when != "restart":
            raise Refused("NothingToChange")
        if when == "next_reset":
            self.plan_after_reset(plan)
        elif when == "restart":
            self.give_by_hand(now)
            self.restart(plan, now, zone)
            self.given_at.append(now)
        else:
            self.on_plan(plan)

    def end_plan(self, plan: str, now: datetime) -> None:
        """The plan ends with its cycle: `plan` is the default one."""
        self.bring_up(now)
        if plan in {self.plan, self.next_plan}:
            raise Refused("NothingToChange")
        self.plan_after_reset(plan)

    def cancel_change(self, now: datetime) -> None:
        self.bring_up(now)
        if self.next_plan is None:
            raise Refused("NothingToChange")
        self.next_plan = None

    def default_when(self, plan: str, now: datetime) -> str:
        then = deepcopy(self)
        then.bring_up(now)
        return "now" if self.plans[plan] >= then.allowance else "next_reset"

    def deactivate(self, now: datetime) -> None:
        if not self.is_active:
            raise Refused("NothingToChange")
        self.bring_up(now, forgiving=True)
        self.go()

    def reactivate(self, now: datetime) -> None:
        if self.is_active:
            raise Refused("NothingToChange")
        if self.next_reset <= now and self._waits(now):
            raise Refused("ResetSuspended")
        self._end_holds(now)
        if self.next_reset <= now:
            self._reset(now)
        self.expire_grants(now)
        self.is_active = True

    def delete_account(self, now: datetime) -> None:
        """What is held is released, the subscription ends, the grants are void."""
        self._end_holds(now)
        for hold in self.pending:
            self.end_hold(hold, 0, "released", now)
        if self.is_active:
            self.deactivate(now)
        self._bring_up_grants(now)
        for grant in self.grants.values():
            if grant.remaining:
                self.void_grant(grant)

    def reschedule(self, at: datetime, now: datetime) -> None:
        if not self.is_active:
            raise Refused("SubscriptionNotFound")
        self.bring_up(now, forgiving=True)
        if not self.may_move_reset_to(at):
            raise Refused("InvalidResetDate")
        self.next_reset = at

    def suspend(self, now: datetime) -> None:
        if not self.is_active:
            raise Refused("SubscriptionNotFound")
        self.bring_up(now, forgiving=True)
        failures = self.suspended.failures if self.suspended else 0
        self.suspended = Suspension("manual", NEVER, failures)

    def resume(self) -> bool:
        """Whatever set it aside is forgotten. Was it?"""
        was_suspended, self.suspended = self.suspended is not None, None
        return was_suspended

    def force_reset(self, now: datetime) -> None:
        self.bring_up(now)
        self.give_by_hand(now)
        self.refill(now)
        self.given_at.append(now)
        self._watch(now)

    def give_by_hand(self, now: datetime) -> None:
        if len([at for at in self.by_hand_at if now - DAY < at <= now]) >= 2:
            raise Refused("AllowanceLimit")
        self.by_hand_at.append(now)

    # Chores.

    def expire_holds(self, now: datetime) -> int:
        return self._end_holds(now)

    def expire_grants(self, now: datetime) -> int:
        return sum(grant.expire(now) for grant in self.grants.values())

    def reset_if_due(self, now: datetime) -> bool:
        if not self.is_active or self.next_reset > now or self._waits(now):
            return False
        is_near = self.next_reset - self.last_reset < 27 * DAY
        self._reset(now)
        if self.suspended and self.suspended.cause == "failed":
            self.suspended = None
        if is_near:
            self._watch(now)
        return True

    def fail(self, now: datetime) -> None:
        """A reset failed, so somebody set the subscription aside."""
        aside = self.suspended = self.suspended or Suspension("failed", NEVER)
        aside.failures += 1
        if aside.cause == "failed":
            minutes = min(2 ** (aside.failures - 1), 60)
            aside.retry_at = now + timedelta(minutes=minutes)

    def bring_up(self, now: datetime, *, forgiving: bool = False) -> None:
        self._end_holds(now)
        if not self.is_active:
            self.expire_grants(now)
            raise Refused("NoActiveSubscription")
        if self.next_reset <= now and not self.reset_if_due(now) and not forgiving:
            raise Refused("ResetSuspended")
        self.expire_grants(now)

    # How.

    def _bring_up_grants(self, now: datetime) -> None:
        if self.is_active:
            self.bring_up(now, forgiving=True)
        self._end_holds(now)
        self.expire_grants(now)

    def _is_simple(self, credits: int, now: datetime) -> bool:
        """Nothing is due that could matter: what is over but holds nothing stays unwritten."""
        left = [grant.expires_at for grant in self.grants.values() if grant.remaining]
        first_expiry = min(left, default=NEVER)
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
            self.close(hold, 0, "expired", now, len(self.spends))
        return len(over)

    @staticmethod
    def _must_be_pending(hold: Hold, now: datetime) -> None:
        if hold.state != "pending":
            raise Refused("HoldNotPending", state=hold.state)
        if hold.expires_at <= now:
            raise Refused("HoldNotPending", state="expired")

    def _reset(self, now: datetime) -> None:
        self.begin_cycle()
        while self.next_reset <= now:
            self.begin_cycle()
        self.given_at.append(now)

    def _waits(self, now: datetime) -> bool:
        return self.suspended is not None and self.suspended.retry_at > now

    def _watch(self, now: datetime) -> None:
        lately = {at for at in self.given_at if now - DAY < at <= now}
        if len(lately) > 3:
            failures = self.suspended.failures if self.suspended else 0
            self.suspended = Suspension("runaway", NEVER, failures)
