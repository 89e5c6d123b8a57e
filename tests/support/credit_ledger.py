"""The ledger, read as an auditor would: from its rows alone to what the subscription must say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from tests.support.credit_model import Person

AFRESH = {"monthly_reset", "force_reset", "cycle_restarted", "subscription_started"}


@dataclass
class Account:
    """What the rows so far add up to."""

    last_id: int = 0
    afresh_id: int = 0
    books: int = 0
    bonus: int = 0
    cycle: int = 0
    used: int = 0
    last_reset: datetime | None = None
    balance_after: int | None = None
    holds: int = 0

    def take(self, row: Row[*tuple[Any, ...]]) -> None:
        self.last_id = row.id
        self.books += row.credits_delta
        self.bonus += row.bonus_delta
        self.balance_after = row.balance_after
        if row.action in AFRESH:
            self.cycle, self.used, self.afresh_id = row.cycle, 0, row.id
            due_at = row.metadata.get("due_at")
            at = datetime.fromisoformat(due_at) if due_at else row.created_at
            # A clock that is behind forces no reset before the last one.
            was_forced = row.action == "force_reset"
            self.last_reset = max(at, self.last_reset or at) if was_forced else at
        elif row.cycle == self.cycle and (row.refund_of_id or row.id) > self.afresh_id:
            self.used += row.credits_used


class LedgerReader:
    """Follows the ledger of each subscription, row after row."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}

    @property
    def last_id(self) -> int:
        """Up to this row every ledger has been read."""
        return min((account.last_id for account in self._accounts.values()), default=0)

    def read_on(
        self, subscription_id: int, rows: Sequence[Row[*tuple[Any, ...]]], person: Person
    ) -> None:
        """Take in the new rows; what they add up to must be what the person has."""
        account = self._accounts.setdefault(subscription_id, Account())
        new = [row for row in rows if row.id > account.last_id]
        for row in new:
            account.take(row)
        held = person.held_of_allowance + person.bonus_held
        assert account.books == person.available + held
        assert account.bonus == person.bonus + person.bonus_held
        assert account.used == person.used + person.bonus_used
        assert (account.cycle, account.last_reset) == (person.cycle, person.last_reset)
        # A hold leaves no row, yet may come right after one, in the same step.
        if new and len(person.holds) == account.holds:
            assert account.balance_after == person.available
        account.holds = len(person.holds)
