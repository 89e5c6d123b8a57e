"""What was asked of the engine, and what may have come of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.world import Violation

KEYS_KEPT = timedelta(days=6.9)
"""The engine promises seven days; nobody retries later."""
REFUSALS_KEPT = timedelta(hours=24)

UNMARKED = {"extend", "move", "pause", "resume", "delete", "cancel order"}
"""What leaves no ledger row that names it."""

Answer = tuple[str, Any]
"""`("done", facts)`, or `("refused", facts)` for a refusal that is remembered for a while."""


@dataclass(eq=False)
class Operation:
    """One thing asked for, however often it is sent.

    Cut at COMMIT it is unknown: done once or not at all, until a retry by its key settles it.
    """

    name: str
    account: int
    kind: str
    parameters: dict[str, Any]
    key: str | None
    asked_at: datetime
    answer: Answer | None = None
    is_unknown: bool = False
    refused_until: datetime | None = None
    """From this instant on, the first refusal is forgotten and the same request is a new one."""
    times: list[datetime] = field(default_factory=list)
    """When it was asked, by the clocks of those who were asked."""
    lowest: int | None = None
    """The least that could be spent at any moment while it was under way."""

    def is_refused_for_good(self) -> bool:
        """Was it refused, and never asked by a time at which that is forgotten?"""
        if self.answer is None or self.answer[0] != "refused":
            return False
        return self.refused_until is None or max(self.times) < self.refused_until

    def answer_stands(self) -> bool:
        """Has it an answer that is not forgotten?"""
        return self.answer is not None and (self.answer[0] == "done" or self.is_refused_for_good())

    def may_repeat_a_refusal(self, now: datetime, next_reset: datetime) -> bool:
        """Was it asked so lately that a refusal from then still stands?"""
        earlier = list(self.times)
        earlier.remove(now)  # this time
        return now < next_reset and any(now < at + REFUSALS_KEPT for at in earlier)

    def may_be_retried(self, now: datetime) -> bool:
        """Is its key still sure to be kept?"""
        return self.key is not None and now < self.asked_at + KEYS_KEPT

    def saw(self, could_spend: int) -> None:
        """At this moment of its way, so much could be spent."""
        self.lowest = could_spend if self.lowest is None else min(self.lowest, could_spend)


@dataclass
class History:
    """All operations of a run, and how often each has left its mark in the books."""

    operations: dict[str, Operation] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    under_way: dict[Operation, int] = field(default_factory=dict)
    statistics: Counter[str] = field(default_factory=Counter)

    def add(
        self, account: int, kind: str, parameters: dict[str, Any], key: str | None, at: datetime
    ) -> Operation:
        """Something is asked for."""
        name = f"op{len(self.operations) + 1}"
        operation = Operation(name, account, kind, parameters, key, at)
        self.operations[name] = operation
        return operation

    def has_done(self, account: int, kind: str) -> bool:
        """Is it known to have been done to the account?"""
        same = (o for o in self.operations.values() if (o.account, o.kind) == (account, kind))
        return any(operation.answer is not None for operation in same)

    def mark(self, name: str | None) -> None:
        """The books show the effect of that operation.

        Raises:
            Violation: for the second time.
        """
        if name is None:
            return
        self.effects[name] += 1
        if self.effects[name] > 1:
            raise Violation(f"{self._told(name)} took effect twice.")
        operation = self.operations.get(name)
        if operation and operation.is_refused_for_good():
            raise Violation(f"{self._told(name)} was refused, and took effect later.")

    def answered(self, operation: Operation, answer: Answer) -> None:
        """The operation got an answer that stands.

        Raises:
            Violation: another than the first, or one that the books deny.
        """
        self.statistics[answer[0]] += 1
        first = operation.answer
        if first is not None and operation.key is not None and first != answer:
            self._must_have_lapsed(operation, answer)
            first = None
        operation.answer, operation.is_unknown = first or answer, False
        marks = self.effects[operation.name]
        if marks != (1 if answer[0] == "done" else 0) and operation.kind not in UNMARKED:
            raise Violation(
                f"{self._told(operation.name)} got {answer}; it took effect {marks} times."
            )
        if answer[0] == "refused" and first is None:
            self._must_have_lacked(operation)

    def _must_have_lapsed(self, operation: Operation, answer: Answer) -> None:
        if operation.answer_stands():
            raise Violation(
                f"{self._told(operation.name)} got {operation.answer} first, then {answer}."
            )
        self.statistics["asked afresh"] += 1

    def _must_have_lacked(self, operation: Operation) -> None:
        wanted = operation.parameters["credits"]
        if operation.lowest is not None and operation.lowest >= wanted:
            told = self._told(operation.name)
            raise Violation(f"{told} was refused, and {operation.lowest} were there throughout.")

    def _told(self, name: str) -> str:
        operation = self.operations.get(name)
        if operation is None:
            return name
        return f"{name} ({operation.kind} {operation.parameters}, key {operation.key})"


@dataclass(frozen=True)
class PlacedHold:
    """A hold that somebody has: to be ended, or forgotten."""

    id: int
    account: int
    credits: int
    expires_at: datetime
