"""What the forked processes do: a scheduler like any other, and a client that charges."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rules.errors import InsufficientCredits
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.reset_runner import ResetRunner
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.kills.journal import Answer, Journal, Question

PATIENCE_SECONDS = 30
ASKED_TWICE = 0.2
PAUSE_SECONDS = 0.002
SLOW_ANSWERS, SLOW_SECONDS = 0.3, 0.005


class ShiftedClock:
    """The machine's clock in another month: it ticks as fast, from elsewhere."""

    leap: timedelta | None = None

    def __init__(self, shift: float) -> None:
        self.shift = timedelta(seconds=shift)

    def now(self) -> datetime:
        """The present over there, in UTC."""
        return datetime.now(UTC) + self.shift

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)


def scheduler(url: str, shift: float, runs: str) -> None:
    """Reset what is due until killed; `runs` is a file with a B and an E for each run."""
    file = os.open(runs, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    run = ResetRunner.run

    def noted(runner: ResetRunner) -> int:
        os.write(file, b"B")
        done = run(runner)
        os.write(file, b"E")
        return done

    ResetRunner.run = noted  # type: ignore[assignment]  # of this process, which ends by SIGKILL
    SubscriptionScheduler(Database(url), ShiftedClock(shift)).start()
    Event().wait()


def charger(
    *, url: str, shift: float, name: str, seed: int, users: list[int], journal: str, stop: str
) -> None:
    """Charge, hold and settle until killed, or until the file `stop` is there."""
    chance = Random(seed)
    client = Client(Database(url), ShiftedClock(shift), Journal(Path(journal)), chance)
    for number in count():
        if Path(stop).exists():
            return
        client.do_one_task(f"{name}-{number}", chance.choice(users))
        time.sleep(PAUSE_SECONDS * chance.random())


class Client:
    """Asks by key, writes down each answer, and now and then asks again although it knows."""

    def __init__(
        self, database: Database, clock: ShiftedClock, journal: Journal, chance: Random
    ) -> None:
        self._desk = CreditDesk(database)
        self._clock, self._journal, self._chance = clock, journal, chance

    def do_one_task(self, key: str, user_id: int) -> None:
        """A charge, or a hold and its end."""
        credits = self._chance.randint(1, 3)
        if self._chance.random() < 0.6:
            self._ask(Question(key, user_id, "charge", credits))
            return
        held = self._ask(Question(f"{key}-hold", user_id, "hold", credits))
        if "refused" in held:
            return
        if self._chance.random() < 0.7:
            used = self._chance.randint(1, credits)
            self._ask(Question(f"{key}-end", user_id, "settle", used, held["id"]))
        else:
            self._ask(Question(f"{key}-end", user_id, "release", 0, held["id"]))

    def _ask(self, question: Question) -> Answer:
        self._journal.ask(question)
        answer = answered(self._desk, question, self._clock.now)
        if self._chance.random() < SLOW_ANSWERS:  # so that some kills hit while it is under way
            time.sleep(SLOW_SECONDS)
        self._journal.answer(question, answer)
        if self._chance.random() < ASKED_TWICE:
            self._journal.answer(question, answered(self._desk, question, self._clock.now))
        return answer


def answered(desk: CreditDesk, question: Question, now: Callable[[], datetime]) -> Answer:
    """The answer to a question, asked again under its key for as long as the database is away."""
    for _ in _until(PATIENCE_SECONDS):
        try:
            return asked_once(desk, question, now())
        except DatabaseUnavailable:
            time.sleep(0.02)
    raise TimeoutError(f"{question.key} was not answered within {PATIENCE_SECONDS} s")


def asked_once(desk: CreditDesk, question: Question, now: datetime) -> Answer:
    """The answer, or refusal, as plain facts.

    Raises:
        DatabaseUnavailable: it may have happened or not.
    """
    try:
        return _verb(desk, question, now)
    except InsufficientCredits as refusal:
        return {"refused": str(refusal)}


def _verb(desk: CreditDesk, question: Question, now: datetime) -> Answer:
    facts = {"request": question.key}
    if question.verb in {"charge", "hold"}:
        begin = desk.charge if question.verb == "charge" else desk.hold
        done = begin(
            user_id=question.user_id,
            credits=question.credits,
            action="images",
            now=now,
            details=facts,
            key=question.key,
        )
        return _plain(done)
    hold, key = question.hold_id, question.key
    if question.verb == "settle":
        return _plain(
            desk.settle(hold_id=hold, credits=question.credits, now=now, details=facts, key=key)
        )
    return _plain(desk.release(hold_id=hold, reason="Killed.", now=now, details=facts, key=key))


def _plain(done: Any) -> dict[str, Any]:
    """What the first answer and a repeated one have in common, as it goes into the journal."""
    return {
        name: fact for name, fact in asdict(done).items() if name not in {"expires_at", "replayed"}
    }


def _until(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
