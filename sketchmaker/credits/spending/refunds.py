"""Giving back what a charge or a settled hold took, at once or in parts.

A refund undoes a use: the ledger's row of the refund names the row of the spend, and uses less than
nothing. All refunds of a spend together are at most what it took.

Where the credits go: those of grants back to their grants; those of the allowance back into their
cycle, if that is still the present one and was not given afresh by force. What has nowhere to go
back to, for its cycle is over or its grant has expired, becomes a grant of the kind `refund`, which
never expires. Nothing comes back of a grant that was voided. Of a spend that took both, the
allowance's credits come back first, then the grants', the last spent first.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, func, select
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, present
from sketchmaker.credits.rows import managed, state
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rows.state import State
from sketchmaker.credits.rules.actions import FORCE_RESET_ACTION, REFUND_ACTION
from sketchmaker.credits.rules.amounts import checked_amount, checked_reason
from sketchmaker.credits.rules.balance import Part, split
from sketchmaker.credits.rules.errors import EntryNotFound, NotRefundable, RefundTooLarge
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import LEDGER
from sketchmaker.record.actor import Actor

KIND = "refund"
"""The kind of the grants that refunds give."""


@dataclass(frozen=True, slots=True)
class Refund:
    """Credits refunded; those of them that came as a grant; what came back; what is available.

    `returned` is less than `credits` when a part has nowhere to go: its grant was voided, or the
    plan has become so small that the allowance would be used up also without the spend.
    """

    credits: int
    granted: int
    returned: int
    available: int
    replayed: bool = field(default=False, compare=False)


@in_utc
def refund(
    session: Session,
    *,
    entry_id: int,
    credits: int,
    reason: str,
    now: datetime,
    by: Actor,
) -> Refund:
    """Give back so many of the credits that the ledger's row `entry_id` used.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit, or beyond what grants may come to.
        ReasonMissing: no reason.
        EntryNotFound: the ledger has no such row.
        NotRefundable: the row used no credits.
        RefundTooLarge: with the refunds before, it would be more than the row used.
    """
    amount, why = checked_amount(credits), checked_reason(reason)
    spend = _spend(session, entry_id)
    before = _subscription_of(session, spend, now)
    earlier = refunded(session, entry_id)
    if amount > spend.credits_used - earlier:
        raise RefundTooLarge(entry_id, asked=amount, left=spend.credits_used - earlier)
    giving = _Giving(session, spend, before, now)
    after = giving.back(_slice(spend, earlier, amount), why, by.account_id)
    returned = after.available - before.available
    managed.move_and_note(
        session,
        before,
        after,
        Decision(by, why, now),
        action=REFUND_ACTION,
        details={**giving.facts, "returned": returned, "reason": why},
        credits_used=-amount,
        cycle=spend.cycle,
        refund_of_id=entry_id,
        refunded_before=earlier,
    )
    return Refund(amount, giving.granted, returned, after.available)


def refunded(session: Session, entry_id: int) -> int:
    """How many credits of that row of the ledger were refunded so far."""
    total = select(func.sum(-LEDGER.c.credits_used)).where(LEDGER.c.refund_of_id == entry_id)
    return int(session.scalar(total) or 0)


class _Giving:
    """The way of some credits back to where a spend took them."""

    def __init__(
        self, session: Session, spend: Row[*tuple[Any, ...]], before: State, now: datetime
    ) -> None:
        self._session = session
        self._before = before
        self._now = now
        self._is_present = _is_of_present_cycle(session, spend, before)
        self.granted = 0
        self.facts: dict[str, Any] = {}

    def back(self, parts: list[Part], reason: str, by_id: int | None) -> State:
        """Change the grants, and return what the subscription becomes."""
        of_grants = [part for part in parts if part.grant_id is not None]
        bonus_used = sum(part.credits for part in of_grants)
        of_allowance = sum(part.credits for part in parts) - bonus_used
        went_to = grants.give_back(self._session, of_grants, now=self._now, taken_as="used")
        self.granted = went_to["expired"] + (0 if self._is_present else of_allowance)
        if of_grants:
            self.facts["grants"] = [[part.grant_id, part.credits] for part in of_grants]
        if self.granted:
            self._grant(reason, by_id)
        return self._after(of_allowance, bonus_used, went_to["remaining"] + self.granted)

    def _grant(self, reason: str, by_id: int | None) -> None:
        before = self._before
        grants.check_room(before.bonus, self.granted)
        row = grants.add(
            self._session,
            user_id=before.user_id,
            kind=KIND,
            credits_granted=self.granted,
            reason=reason,
            granted_by_id=by_id,
            expires_at=None,
            created_at=self._now,
        )
        self.facts |= {"grant": row.id, "granted": self.granted}

    def _after(self, of_allowance: int, bonus_used: int, to_bonus: int) -> State:
        before, balance, unused = self._before, self._before.balance, 0
        if self._is_present:
            balance = replace(balance, used=balance.used - of_allowance)
            unused = bonus_used
        bonus = before.bonus
        if bonus_used or to_bonus:
            bonus = grants.resummed(
                self._session, bonus, before.user_id, remaining=to_bonus, used=-unused
            )
        return replace(before, balance=balance, bonus=bonus)


def _spend(session: Session, entry_id: int) -> Row[*tuple[Any, ...]]:
    spend = session.execute(select(LEDGER).where(LEDGER.c.id == entry_id)).first()
    if spend is None:
        raise EntryNotFound(entry_id)
    if spend.credits_used <= 0:
        raise NotRefundable(entry_id)
    return spend


def _subscription_of(session: Session, spend: Row[*tuple[Any, ...]], now: datetime) -> State:
    """The subscription that was charged, locked: refunds of one spend wait for each other."""
    found = state.of_subscription(session, spend.subscription_id)
    if found is None:  # its foreign key makes it impossible
        raise NotRefundable(spend.id)
    return present.best_effort(session, found, now=now)


def _is_of_present_cycle(session: Session, spend: Row[*tuple[Any, ...]], before: State) -> bool:
    afresh = exists().where(
        LEDGER.c.subscription_id == before.id,
        LEDGER.c.cycle == before.cycle,
        LEDGER.c.action == FORCE_RESET_ACTION,
        LEDGER.c.id > spend.id,
    )
    return bool(spend.cycle == before.cycle and not session.scalar(select(afresh)))


def _slice(spend: Row[*tuple[Any, ...]], earlier: int, amount: int) -> list[Part]:
    """The sources of the credits to give back, after those that were given back before."""
    of_grants = [Part(grant_id, n) for grant_id, n in spend.metadata.get("grants", [])]
    of_allowance = spend.credits_used - sum(part.credits for part in of_grants)
    parts = [Part(None, of_allowance), *reversed(of_grants)]
    _, rest = split(parts, earlier)
    return split(rest, amount)[0]
