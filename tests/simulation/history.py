"""What was asked of the engine, and what may have come of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.world import Violation

KEYS_KEPT = timedelta(days=6.9)
"""The engine promises seven days; nobody retries later."""

Answer = tuple[str, Any]
"""`("done", facts)`, or `("refused", facts)` for a refusal that is remembered."""


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
    lowest: int | None = None
    """The least that could be spent at any moment while it was under way."""

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
        if operation and operation.answer and operation.answer[0] == "refused":
            raise Violation(f"{self._told(name)} was refused, and took effect later.")

    def answered(self, operation: Operation, answer: Answer) -> None:
        """The operation got an answer that stands.

        Raises:
            Violation: another than the first, or one that the books deny.
        """
        self.statistics[answer[0]] += 1
        first = operation.answer
        if first is not None and operation.key is not None and first != answer:
            raise Violation(f"{self._told(operation.name)} got {first} first, then {answer}.")
        operation.answer, operation.is_unknown = first or answer, False
        marks = self.effects[operation.name]
        if marks != (1 if answer[0] == "done" else 0) and operation.kind != "extend":
            raise Violation(
                f"{self._told(operation.name)} got {answer}; it took effect {marks} times."
            )
        if answer[0] == "refused" and first is None:
            self._must_have_lacked(operation)

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
