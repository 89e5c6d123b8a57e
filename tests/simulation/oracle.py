"""Reads what is committed and holds it against the model: after every commit, and at the end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.driver import Driver, Rows
from tests.simulation.history import History
from tests.simulation.world import Violation
from tests.support.credit_model import NEVER, Books, NotByTheRules

LEDGER = (
    "SELECT id, subscription_id, hold_id, refund_of_id, action, credits_used, credits_delta, "
    "bonus_delta, balance_after, cycle, metadata AS details, created_at FROM usage_history"
)
HOLDS = (
    "SELECT id, subscription_id, cycle, credits_held, parts, details, created_at, expires_at, "
    "state FROM credit_holds"
)
BOOKS = (
    "SELECT s.*, p.display_name AS plan, n.display_name AS next_plan FROM user_subscriptions s "
    "JOIN subscription_plans p ON p.id = s.plan_id "
    "LEFT JOIN subscription_plans n ON n.id = s.next_plan_id ORDER BY s.id"
)
Row = dict[str, Any]
GRANTS = "SELECT * FROM credit_grants ORDER BY id"


@dataclass
class Followed(Books):
    """The books of one account, and whose they are."""

    subscription_id: int = 0
    user_id: int = 0
    is_leaving: bool = False
    """Its deletion has begun, or is over."""


class Oracle:
    """The model of all accounts, kept up with what the database shows as committed."""

    def __init__(self, driver: Driver, history: History) -> None:
        self.accounts: dict[int, Followed] = {}
        self._driver = driver
        self._history = history
        self._rows_seen: set[int] = set()
        self._holds_seen: set[int] = set()
        self._last_row = self._last_hold = 0

    def begin(self, plans: dict[str, int]) -> None:
        """Take the accounts as they were made."""
        for row in self._driver.rows(BOOKS):
            self.accounts[row["id"]] = Followed(
                subscription_id=row["id"],
                user_id=row["user_id"],
                zone=row["time_zone"],
                anchor=row["subscription_start"],
                plans=plans,
                plan=row["plan"],
            )
        self.check()

    @property
    def members(self) -> list[int]:
        """The numbers of those whose account is there to stay."""
        return sorted(n for n, account in self.accounts.items() if not account.is_leaving)

    def overdue_by(self, gap: timedelta, now: datetime) -> list[int]:
        """Whose resets are late, so that somebody should look: suspended, or nobody was there."""
        late = [a for a in self.accounts.values() if a.is_active and a.next_reset < now - gap]
        return sorted(account.subscription_id for account in late)

    def boundaries(self) -> Iterable[datetime]:
        """The next boundary of each account that is on a plan; past, when its reset is overdue."""
        return [each.next_reset for each in self.accounts.values() if each.is_active]

    def check(self) -> None:
        """Somebody has committed: take what is new into the model, and compare.

        Raises:
            Violation: the books differ from what their history says.
        """
        books = self._driver.rows(BOOKS)
        new_rows, new_holds = self._new_rows(), self._new_holds()
        touched = {row["subscription_id"] for row in [*new_rows, *new_holds]}
        for row in new_rows:
            self._take_row(row, [h for h in new_holds if _of_same(h, row)])
        for row in new_holds:
            self._take_hold(row)
        for row in books:
            self._compare(row)
        if touched:
            self._compare_grants()
        self._compare_pending()
        self.watch()

    def watch(self) -> None:
        """Note for every operation under way what could be spent at this moment."""
        for operation in self._history.under_way:
            self.saw(operation.account, None)

    def saw(self, subscription_id: int, now: datetime | None) -> None:
        """Note it for the operations of one account, as of a wall clock's time."""
        account = self.accounts[subscription_id]
        for operation in self._history.under_way:
            if operation.account == subscription_id:
                could = account.available if now is None else account.could_spend(now)
                operation.saw(could if account.is_active else 0)

    def check_everything(self, furthest: datetime) -> None:
        """The run is over and everything has been put right: nothing may be left undone.

        Raises:
            Violation: something is.
        """
        self.check()
        if len(self._driver.rows(LEDGER)) != len(self._rows_seen):
            raise Violation("Ledger rows are gone, or came unseen.")
        aside = self._driver.rows("SELECT * FROM suspended_resets WHERE cause = 'failed'")
        if aside:
            raise Violation(f"A reset is still suspended: {aside[0]['error']}")
        for account in self.accounts.values():
            self._must_be_done(account, furthest)

    def _must_be_done(self, account: Followed, furthest: datetime) -> None:
        name = f"Subscription {account.subscription_id}"
        was_deleted = self._history.has_done(account.subscription_id, "delete")
        if was_deleted and (account.is_active or account.bonus or account.holds):
            raise Violation(f"{name} was deleted, and has something left.")
        if (
            account.is_active
            and account.next_reset <= furthest
            and not self._waits_for_somebody(account)
        ):
            raise Violation(f"{name} was not reset at {account.next_reset}.")
        overdue = [hold for hold in account.holds.values() if hold.expires_at <= furthest]
        if overdue:
            raise Violation(f"{name} has {len(overdue)} holds whose time is over.")
        over = [g for g in account.grants.values() if g.remaining and g.expires_at <= furthest]
        if over and account.is_active:
            raise Violation(f"{name} has {len(over)} grants whose time is over.")

    def _waits_for_somebody(self, account: Followed) -> bool:
        query = "SELECT subscription_id FROM suspended_resets WHERE cause IN ('runaway', 'manual')"
        return any(row["subscription_id"] == account.subscription_id for row in self._rows(query))

    def _rows(self, query: str) -> Rows:
        return self._driver.rows(query)

    def _new_rows(self) -> Rows:
        rows = self._rows(f"{LEDGER} WHERE id > {self._last_row - self._driver.window} ORDER BY id")
        new = [row for row in rows if row["id"] not in self._rows_seen]
        self._rows_seen.update(row["id"] for row in new)
        self._last_row = max([self._last_row, *(row["id"] for row in new)])
        return new

    def _new_holds(self) -> Rows:
        rows = self._rows(f"{HOLDS} WHERE id > {self._last_hold - self._driver.window} ORDER BY id")
        new = [row for row in rows if row["id"] not in self._holds_seen]
        self._holds_seen.update(row["id"] for row in new)
        self._last_hold = max([self._last_hold, *(row["id"] for row in new)])
        return new

    def _take_row(self, row: Row, unseen_holds: Rows) -> None:
        account = self.accounts[row["subscription_id"]]
        _told(account.follow, account, row)
        # A hold leaves no row: one that another committed just before shows here already.
        unseen = sum(hold["credits_held"] for hold in unseen_holds)
        if row["balance_after"] not in {account.available, account.available - unseen}:
            raise Violation(
                f"Row {row['id']} ({row['action']}) says {row['balance_after']} were left; "
                f"it was {account.available}."
            )
        self._history.mark(_operation_of(row))

    def _take_hold(self, row: Row) -> None:
        account = self.accounts[row["subscription_id"]]
        _told(account.follow_hold, account, row)
        self._history.mark(row["details"].get("op") or row["details"].get("generation"))

    def _compare(self, row: Row) -> None:
        account = self.accounts[row["id"]]
        books = account.row()
        found = {name: row[name] for name in books}
        if found != books:
            wrong = [f"{n}: {found[n]}, not {books[n]}" for n in books if found[n] != books[n]]
            raise Violation(f"Subscription {row['id']} shows {'; '.join(wrong)}.")

    def _compare_grants(self) -> None:
        expected = {
            (account.user_id, grant_id): vars(grant)
            for account in self.accounts.values()
            for grant_id, grant in account.grants.items()
        }
        found = {(row["user_id"], row["id"]): _grant_in(row) for row in self._rows(GRANTS)}
        if found != expected:
            raise Violation(f"The grants are {found}, not {expected}.")

    def _compare_pending(self) -> None:
        rows = self._rows("SELECT id, expires_at FROM credit_holds WHERE state = 'pending'")
        pending = {row["id"]: row["expires_at"] for row in rows}
        expected = {hold for account in self.accounts.values() for hold in account.holds}
        if set(pending) != expected:
            raise Violation(f"Pending are the holds {set(pending)}, not {expected}.")
        for account in self.accounts.values():
            for hold_id, hold in account.holds.items():
                hold.expires_at = max(hold.expires_at, pending[hold_id])


def _grant_in(row: Row) -> dict[str, Any]:
    names = ("remaining", "held", "used", "expired", "voided")
    told = {name: row[f"credits_{name}"] for name in names}
    expires_at = row["expires_at"] or NEVER
    return {**told, "expires_at": expires_at, "is_voided": row["voided_at"] is not None}


def _told(rule: Any, account: Followed, row: Row) -> None:
    try:
        rule(row)
    except NotByTheRules as violation:
        raise Violation(
            f"Subscription {account.subscription_id}, row {row['id']}: {violation}"
        ) from None


def _of_same(hold: Row, row: Row) -> bool:
    return bool(hold["subscription_id"] == row["subscription_id"])


def _operation_of(row: Row) -> str | None:
    """Which operation a ledger row came from. Verbs of admins carry its number as who did it."""
    details = row["details"]
    said = details.get("details", {})
    if row["hold_id"] is not None:
        name: str | None = said.get("end")
        return name
    if details.get("by") is not None:
        return f"op{details['by']}"
    if row["action"] in {"credits_granted", "credits_refunded"}:
        return str(details["reason"])
    operation: str | None = said.get("op")
    return operation
