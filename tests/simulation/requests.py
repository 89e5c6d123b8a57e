"""Requests: charges and holds, with keys or without, sent once, twice at once, or days late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sketchmaker.credits.rules.errors import (
    CreditError,
    HoldNotPending,
    InsufficientCredits,
    KeyReused,
    NoActiveSubscription,
    ResetSuspended,
)
from sketchmaker.database import DatabaseUnavailable, TransactionConflict
from tests.simulation.clock import NodeClock
from tests.simulation.history import KEYS_KEPT, REFUSALS_KEPT, Operation, PlacedHold
from tests.simulation.nodes import Nodes
from tests.simulation.simulation import Simulation
from tests.simulation.world import Violation

WEBS = ("web-1", "web-2")
DAY_SECONDS = 86_400
LONGEST_HOLD_DAYS = 6.9
"""A hold is prolonged by seven days at the most; clocks differ a little."""
LATEST_DAYS = KEYS_KEPT / timedelta(days=1)
NOT_NOW = (NoActiveSubscription, HoldNotPending, ResetSuspended)
"""Nothing was done, and a later try may go well: at once, or when it is forgotten."""


class Requests:
    """Asks, retries, and checks every answer against the first one."""

    def __init__(self, run: Simulation, nodes: Nodes) -> None:
        self._run = run
        self._nodes = nodes
        self._chance = run.streams.stream("requests")
        self._keys: dict[int, int] = {}

    def ask(self) -> None:
        """Somebody wants a charge or a hold."""
        number = self._chance.choice(self._run.oracle.members)
        self._ask(number, self._chance.choice(("charge", "hold", "hold")))

    def _ask_of(self, number: int) -> Callable[[], None]:
        return lambda: self._ask(number, "charge")

    def _ask(self, number: int, kind: str) -> None:
        credits = self._amount(number)
        operation = self._asked(number, kind, {"credits": credits}, self._key(number))
        self._send(operation)
        if self._chance.random() < self._run.profile.duplicate:
            self._send(operation)
        if operation.key and self._chance.random() < 0.1:
            self._misuse(operation)

    def send_again(self, operation: Operation) -> None:
        """The same request once more."""
        self._send(operation)

    def _send(self, operation: Operation) -> None:
        under_way = self._run.history.under_way
        under_way[operation] = under_way.get(operation, 0) + 1
        if operation.key is None and under_way[operation] > 1:
            under_way[operation] -= 1  # without a key, sent again is another request
            return
        node = self._chance.choice(WEBS)
        self._run.machine.spawn(
            f"{operation.kind} {operation.name}",
            operation.account,
            lambda: self._deliver(operation, node),
        )

    def _deliver(self, operation: Operation, node: str) -> None:
        operation.is_unknown = operation.answer is None
        done = False
        try:
            done = self._perform(operation, node)
        finally:
            if not done:
                self._run.trace.note(f"{operation.name} is unknown")
                self._come_back(operation)
            self._leave(operation)

    def _perform(self, operation: Operation, node: str) -> bool:
        """Send it to the engine; False when nobody knows what became of it."""
        now = NodeClock(self._run.timeline, node).now()
        self._run.oracle.saw(operation.account, now)
        operation.times.append(now)
        try:
            facts = self._call(operation, now)
        except InsufficientCredits as refusal:
            self._refused(operation, refusal, now)
        except NOT_NOW as refusal:
            self._not_now(operation, refusal)
        except TransactionConflict as conflict:
            raise Violation(f"{operation.name} was not tried again: {conflict}") from conflict
        except DatabaseUnavailable:
            self._run.history.statistics["unavailable"] += 1
            return False
        except CreditError as error:
            raise Violation(f"{operation.name} broke with {error!r}") from error
        else:
            self._answered(operation, ("done", facts))
        return True

    def _call(self, operation: Operation, now: Any) -> Any:
        desk, asked = self._run.desk, operation.parameters
        if operation.kind in {"charge", "hold"}:
            user_id = self._run.oracle.accounts[operation.account].user_id
            verb: Callable[..., Any] = getattr(desk, operation.kind)
            return verb(
                user_id=user_id,
                credits=asked["credits"],
                action="images",
                details={"op": operation.name},
                now=now,
                key=operation.key,
                **({"lifetime": asked["lifetime"]} if "lifetime" in asked else {}),
            )
        if operation.kind == "extend":
            return desk.extend(hold_id=asked["hold_id"], until=now + asked["by"], now=now)
        verb = getattr(desk, operation.kind)
        return verb(**asked, now=now, key=operation.key, details={"end": operation.name})

    def _refused(self, operation: Operation, refusal: InsufficientCredits, now: datetime) -> None:
        if refusal.replayed and not operation.may_repeat_a_refusal(now, refusal.next_reset):
            raise Violation(f"{operation.name} was refused by what had to be forgotten: {refusal}")
        until = min(refusal.next_reset, operation.times[0] + REFUSALS_KEPT)
        operation.refused_until = operation.refused_until or until
        self._answered(operation, ("refused", (refusal.required, refusal.available)))

    def _answered(self, operation: Operation, answer: tuple[str, Any]) -> None:
        self._run.trace.note(f"{operation.name} got {answer}")
        is_first = operation.answer is None
        self._run.history.answered(operation, answer)
        if not is_first:
            return
        if operation.kind == "hold" and answer[0] == "done":
            self._work_on(operation, answer[1])
        if operation.key and self._chance.random() < self._run.profile.duplicate:
            self._send_late(operation)

    def _not_now(self, operation: Operation, refusal: Exception) -> None:
        self._run.trace.note(f"{operation.name} was not done: {refusal}")
        self._run.history.statistics["not now"] += 1
        if self._is_leaving(operation):  # with the account, what was answered is forgotten
            operation.is_unknown = False
            return
        if operation.key is not None and operation.answer_stands():
            raise Violation(f"{operation.name} got {operation.answer} first, then {refusal!r}.")
        operation.is_unknown = False

    def _is_leaving(self, operation: Operation) -> bool:
        return self._run.oracle.accounts[operation.account].is_leaving

    def _come_back(self, operation: Operation) -> None:
        """Its answer was lost: with a key it is sent again, soon or days later."""
        if operation.key is not None and self._run.faults.are_on:
            self._send_late(operation)

    def _leave(self, operation: Operation) -> None:
        under_way = self._run.history.under_way
        under_way[operation] -= 1
        if not under_way[operation] and not operation.is_unknown:
            del under_way[operation]

    def _misuse(self, operation: Operation) -> None:
        """The same key for something else: refused, once the key has done something."""
        node = self._chance.choice(WEBS)
        other = Operation(
            f"{operation.name}-misused",
            operation.account,
            operation.kind,
            {"credits": operation.parameters["credits"] + 1},
            operation.key,
            operation.asked_at,
        )

        def send() -> None:
            try:
                self._call(other, NodeClock(self._run.timeline, node).now())
            except (KeyReused, DatabaseUnavailable):
                return
            except NOT_NOW:
                if self._is_leaving(other):
                    return
                raise
            except InsufficientCredits as refusal:
                self._run.trace.note(f"{other.name} got {refusal!r}")
            raise Violation(f"{other.name}: a key served for two different requests.")

        def begin() -> None:
            if operation.answer is not None and operation.answer[0] == "done":
                self._run.machine.spawn(other.name, other.account, send)

        self._run.after(self._chance.uniform(5, DAY_SECONDS), begin)

    def _work_on(self, operation: Operation, hold: Any) -> None:
        """The hold's owner works, and ends it: now, later, just at a boundary, twice, or never."""
        placed = PlacedHold(hold.id, operation.account, hold.credits, hold.expires_at)
        plan = self._chance.random()
        if plan < 0.12:
            self._nodes.keep_house_at(hold.expires_at + timedelta(seconds=self._small()))
            return
        seconds = self._chance.choice((0.0, 1.0, 60.0, 3000.0, 3700.0))
        if plan > 0.5:
            seconds = self._until_boundary(placed)
            if plan > 0.7:  # something is bought in the new cycle before the old one's hold ends
                self._run.after(seconds + 1, self._ask_of(placed.account))
                seconds += self._chance.choice((2.0, 1.5, 3000.0))
            self._extend(placed, seconds)
        self._run.after(seconds, lambda: self._end(placed))
        if plan > 0.8:
            self._run.after(seconds + self._chance.choice((0, 1)), lambda: self._end(placed))

    def _end(self, hold: PlacedHold) -> None:
        kind = self._chance.choice(("settle", "settle", "release"))
        asked: dict[str, Any] = {"hold_id": hold.id, "reason": "not wanted"}
        if kind == "settle":
            asked = {"hold_id": hold.id, "credits": self._chance.randint(1, hold.credits)}
        operation = self._asked(hold.account, kind, asked, self._key(hold.account))
        self._send(operation)

    def _extend(self, hold: PlacedHold, seconds: float) -> None:
        asked = {"hold_id": hold.id, "by": timedelta(seconds=seconds + 5)}
        operation = self._asked(hold.account, "extend", asked, None)
        self._send(operation)

    def _until_boundary(self, hold: PlacedHold) -> float:
        boundary = self._run.oracle.accounts[hold.account].next_reset
        seconds = (boundary - self._run.timeline.true).total_seconds() + self._small()
        return max(seconds, 0.0) if seconds < LONGEST_HOLD_DAYS * DAY_SECONDS else 3600.0

    def _asked(
        self, number: int, kind: str, parameters: dict[str, Any], key: str | None
    ) -> Operation:
        now = self._run.timeline.true
        return self._run.history.add(number, kind, parameters, key, now)

    def _amount(self, number: int) -> int:
        account = self._run.oracle.accounts[number]
        there = account.available
        near = (1, 2, there // 2, there - 1, there, there + 1, account.allowance // 4)
        return max(self._chance.choice(near), 1)

    def _key(self, number: int) -> str | None:
        """Every user counts from one: the same keys are everybody's."""
        if self._chance.random() < 0.2:
            return None
        self._keys[number] = self._keys.get(number, 0) + 1
        return f"request-{self._keys[number]}"

    def _send_late(self, operation: Operation) -> None:
        moment = self._run.timeline.true + timedelta(seconds=self._late_seconds())
        if operation.may_be_retried(moment):
            self._run.at(moment, lambda: self._send(operation))

    def _late_seconds(self) -> float:
        if self._chance.random() < self._run.profile.late:
            return self._chance.uniform(0, LATEST_DAYS) * DAY_SECONDS
        return self._chance.uniform(0, 5)

    def _small(self) -> float:
        return self._chance.uniform(-1, 1)
