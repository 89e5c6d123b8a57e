"""An account as its ledger and its holds tell it: every row must follow from what it was before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.credit_model.account import Account
from tests.support.credit_model.parts import ALLOWANCE, DAY, NEVER, Grant, Parts, Refused

Row = dict[str, Any]

BY_HAND_A_DAY = 2
FORCE = "force_reset"


class NotByTheRules(AssertionError):
    """A row that could not have come of the rules."""


@dataclass
class Books(Account):
    """Follows a history. Grants, holds and spends go by the numbers of their rows."""

    by_hand_at: list[datetime] = field(default_factory=list)
    allowances_while_away: int = 0
    spent: int = 0
    """Credits of this cycle's allowance that were used, forced resets or not."""
    largest: int = 0
    """The largest allowance that this cycle had."""
    refills_before: int = 0
    """Those of the cycles before this one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.allowance = 0  # until the row that says it began

    @property
    def ceiling(self) -> int:
        """The most that this cycle's allowance may give: the largest plan, and each refill."""
        return self.largest * (1 + self.refills - self.refills_before)

    def could_spend(self, now: datetime) -> int:
        """What could be spent at `now` at the least, with what is due by then taken as done."""
        of_grants = sum(each.remaining for each in self.grants.values() if each.expires_at > now)
        if not self.is_active:
            return 0
        if self.next_reset > now:
            return self.of_allowance + of_grants
        return self.plans[self.next_plan or self.plan] + of_grants

    def follow(self, row: Row) -> None:
        """Take one ledger row in.

        Raises:
            NotByTheRules: it does not follow from what the account was.
        """
        before, used, cycle = self._booked(), self.used, self.cycle
        _by_the_rules(RULES.get(row["action"], _spending), self, row)
        total, bonus = self._booked()
        deltas = total - before[0], bonus - before[1]
        said = row["credits_delta"], row["bonus_delta"]
        _must(said == deltas, f"A {row['action']} row says {said}, the books changed by {deltas}.")
        if self.cycle != cycle:
            self.spent, self.largest, self.refills_before = 0, 0, self.refills
        elif row["action"] != FORCE:
            self.spent += self.used - used
        self.largest = max(self.largest, self.allowance)
        _must(
            self.spent <= self.ceiling,
            f"Cycle {self.cycle} gave {self.spent} credits; {self.ceiling} is the most.",
        )

    def follow_hold(self, row: Row) -> None:
        """Take a new hold in.

        Raises:
            NotByTheRules: the credits were not there, or others burn first.
        """
        parts = [(source, n) for source, n in row["parts"] or [(ALLOWANCE, row["credits_held"])]]
        _must(row["cycle"] == self.cycle, "The hold belongs to another cycle than the present one.")
        burnt = self._spendable(row["credits_held"], row["created_at"])
        _must(burnt == parts, f"{row['credits_held']} credits should come from {burnt}: {parts}.")
        self.set_credits_aside(parts, row["id"], row["expires_at"])

    def _booked(self) -> tuple[int, int]:
        """What is there or held: altogether, and of grants."""
        bonus = self.bonus + self.bonus_held
        return self.of_allowance + self.held_of_allowance + bonus, bonus

    def _spendable(self, credits: int, now: datetime) -> Parts:
        _must(self.is_active, "An inactive subscription was spent from.")
        _must(now < self.next_reset, f"At {now} cycle {self.cycle} was over, and was spent from.")
        try:
            return self.burnt(credits, now)
        except Refused:
            raise NotByTheRules(f"Of {credits} credits spent, not all were there.") from None


def _by_the_rules(rule: Callable[[Books, Row], None], account: Books, row: Row) -> None:
    try:
        rule(account, row)
    except Refused as refusal:
        raise NotByTheRules(f"{row['action']}: the rules say {refusal}.") from None


def _start(account: Books, row: Row) -> None:
    account.allowance, account.last_reset = account.plans[account.plan], row["created_at"]


def _reset(account: Books, row: Row) -> None:
    details = row["details"]
    due_at = datetime.fromisoformat(details["due_at"])
    is_skipped = details.get("skipped", False)
    _must(row["cycle"] == account.cycle + 1, f"After cycle {account.cycle} came {row['cycle']}.")
    _must(due_at == account.next_reset, f"Due was {account.next_reset}, not {due_at}.")
    _must(row["created_at"] >= due_at, f"A reset came before it was due, at {row['created_at']}.")
    _must(details["expired"] == account.of_allowance, "Another number expired than was left.")
    _must(not (is_skipped and account.is_active), "A reset was skipped while active.")
    if not account.is_active and not is_skipped:
        account.allowances_while_away += 1
        _must(account.allowances_while_away == 1, "Time away brought more than one allowance.")
    account.begin_cycle(is_skipped=is_skipped)
    granted = account.allowance
    _must(details["granted"] == granted, f"{details['granted']} were granted, not {granted}.")


def _move_reset(account: Books, row: Row) -> None:
    said, at = (datetime.fromisoformat(row["details"][name]) for name in ("from", "to"))
    _must(account.is_active, "The reset of an inactive subscription was moved.")
    _must(said == account.next_reset, f"The reset was due at {account.next_reset}, not {said}.")
    _must(account.may_move_reset_to(at), f"A reset was moved beyond its neighbours, to {at}.")
    account.next_reset = at


def _plan(account: Books, row: Row) -> None:
    details = row["details"]
    _must(account.is_active, "The plan of an inactive subscription changed.")
    if details["when"] == "cancelled":
        account.next_plan = None
    elif details["when"] == "next_reset":
        account.plan_after_reset(details["to"])
    else:
        account.on_plan(details["to"])


def _restart(account: Books, row: Row) -> None:
    _must(account.is_active, "An inactive subscription was restarted.")
    _given_by_hand(account, row["created_at"])
    account.restart(row["details"]["to"], row["created_at"], row["details"].get("time_zone"))


def _force(account: Books, row: Row) -> None:
    _must(account.is_active, "An inactive subscription was reset by force.")
    _given_by_hand(account, row["created_at"])
    account.refill(row["created_at"])


def _given_by_hand(account: Books, now: datetime) -> None:
    account.by_hand_at.append(now)
    lately = [at for at in account.by_hand_at if now - DAY < at <= now]
    _must(len(lately) <= BY_HAND_A_DAY, f"Given by hand {len(lately)} times in 24 hours.")


def _deactivate(account: Books, _row: Row) -> None:
    _must(account.is_active, "An inactive subscription was ended.")
    account.go()
    account.allowances_while_away = 0


def _reactivate(account: Books, row: Row) -> None:
    _must(not account.is_active, "An active subscription was taken up again.")
    _must(account.next_reset > row["created_at"], "It came back into a cycle that was over.")
    account.is_active = True


def _revoke(account: Books, row: Row) -> None:
    revoked = row["details"]["revoked"]
    _must(0 <= revoked <= account.of_allowance, f"{revoked} credits were revoked: not there.")
    account.take_back(revoked)


def _grant(account: Books, row: Row) -> None:
    expires_at = row["details"]["expires_at"]
    expiry = datetime.fromisoformat(expires_at) if expires_at else NEVER
    account.grants[row["details"]["grant"]] = Grant(expiry, row["credits_delta"])


def _expire(account: Books, row: Row) -> None:
    grant = account.grants[row["details"]["grant"]]
    _must(grant.expires_at <= row["created_at"], "A grant ended before its time.")
    gone = grant.expire(row["created_at"])
    _must(gone == row["details"]["expired"], "Another number expired than was left.")


def _void(account: Books, row: Row) -> None:
    details = row["details"]
    voided = account.void_grant(account.grants[details["grant"]])
    said = details["voided"], details["held"]
    _must(voided == said, f"A void says {said}; it took back and left held {voided}.")


def _refund(account: Books, row: Row) -> None:
    spend = account.spends.get(row["refund_of_id"])
    if spend is None:
        raise NotByTheRules(f"Row {row['refund_of_id']} was refunded, but is no spend.")
    details = row["details"]
    given = account.give_back(
        spend, -row["credits_used"], row["created_at"], details.get("grant", 0)
    )
    said = details.get("granted", 0), details["returned"]
    _must(given == said, f"A refund says that it granted and returned {said}; it was {given}.")
    _must(row["cycle"] == spend.cycle, "A refund names another cycle than the spend's.")


def _spending(account: Books, row: Row) -> None:
    if row["hold_id"] is None:
        _charge(account, row)
    else:
        _end(account, row)


def _charge(account: Books, row: Row) -> None:
    parts = account._spendable(row["credits_used"], row["created_at"])
    # The row names grants only; the allowance's place among them is the rule's.
    of_grants = [part for part in parts if part[0] is not ALLOWANCE]
    said = [(grant, n) for grant, n in row["details"].get("grants", [])]
    _must(said == of_grants, f"A charge took {said} of grants; {of_grants} burn first.")
    _must(row["cycle"] == account.cycle, "A charge names another cycle than the present one.")
    _must("outcome" not in row["details"], "A hold ended with a row that does not name it.")
    account.use(parts, row["id"])


def _end(account: Books, row: Row) -> None:
    hold = account.holds.get(row["hold_id"])
    if hold is None:
        raise NotByTheRules(f"Hold {row['hold_id']} ended, but was not pending.")
    _must(row["cycle"] == hold.cycle, "The end of a hold names another cycle than the hold's.")
    outcome, now = row["details"]["outcome"], row["created_at"]
    if outcome == "expired":
        _must(hold.expires_at <= now, "A hold expired before its time.")
    _must(row["credits_used"] <= hold.credits, "More was settled than was held.")
    account.close(hold, row["credits_used"], outcome, now, row["id"])
    del account.holds[row["hold_id"]]


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotByTheRules(otherwise)


RULES: dict[str, Callable[[Books, Row], None]] = {
    "subscription_started": _start,
    "monthly_reset": _reset,
    "reset_moved": _move_reset,
    "plan_changed": _plan,
    "cycle_restarted": _restart,
    FORCE: _force,
    "subscription_deactivated": _deactivate,
    "subscription_reactivated": _reactivate,
    "manual_adjustment": _revoke,
    "credits_granted": _grant,
    "grant_expired": _expire,
    "grant_voided": _void,
    "credits_refunded": _refund,
}
