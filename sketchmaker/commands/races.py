"""The races that `doctor --hammer` runs: what is raced for, and which outcome is the right one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.credits import resets
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import HoldNotPending, InsufficientCredits, ResetConflict
from sketchmaker.credits.tables import LEDGER
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.randomness import token
from sketchmaker.record.actor import Actor

ALLOWANCE = 10
"""Credits of the free plan, which everybody in these races is on."""

DUE_TOGETHER = 20
JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
AFTER_RESET = datetime(2026, 2, 16, tzinfo=UTC)

Facts = dict[str, int]
Outcomes = Counter[str]


@dataclass(frozen=True)
class Race:
    """`prepare` sets the scene, `attempt` is what all do at once, `judge` says what went wrong."""

    name: str
    prepare: Callable[[Database], Facts]
    attempt: Callable[[Database, Facts, int], str]
    judge: Callable[[Database, Facts, Outcomes], list[str]]


def _one_person(database: Database) -> Facts:
    with database.transaction() as session:
        return {"user": _join(session)}


def _charge(database: Database, facts: Facts, _number: int) -> str:
    try:
        CreditDesk(database).charge(user_id=facts["user"], credits=1, action="race", now=JOINED)
    except InsufficientCredits:
        return "refused"
    return "charged"


def _judge_charges(database: Database, facts: Facts, outcomes: Outcomes) -> list[str]:
    del database, facts  # the books are verified after every race
    return _expect(outcomes, "charged", ALLOWANCE)


def _one_hold(database: Database) -> Facts:
    facts = _one_person(database)
    hold = CreditDesk(database).hold(user_id=facts["user"], credits=5, action="race", now=JOINED)
    return {**facts, "hold": hold.id}


def _end_hold(database: Database, facts: Facts, number: int) -> str:
    desk = CreditDesk(database)
    try:
        if number % 2:
            desk.settle(hold_id=facts["hold"], credits=3, now=JOINED)
        else:
            desk.release(hold_id=facts["hold"], reason="The race.", now=JOINED)
    except HoldNotPending:
        return "too late"
    return "ended"


def _judge_hold(database: Database, facts: Facts, outcomes: Outcomes) -> list[str]:
    del database, facts
    return _expect(outcomes, "ended", 1)


def _many_due(database: Database) -> Facts:
    with database.transaction() as session:
        people = [_join(session) for _ in range(DUE_TOGETHER)]
        newest = session.scalar(select(func.max(LEDGER.c.id))) or 0
    return {"user": people[0], "newest": newest}


def _reset(database: Database, facts: Facts, _number: int) -> str:
    """Reset in small batches until nothing is due, and spend: whoever is due is reset first."""
    try:
        with database.transaction() as session:
            while resets.reset_due(session, now=AFTER_RESET, limit=3):
                pass
        CreditDesk(database).charge(
            user_id=facts["user"], credits=1, action="race", now=AFTER_RESET
        )
    except ResetConflict:
        return "gave way"
    except InsufficientCredits:
        return "refused"
    return "went on"


def _judge_resets(database: Database, facts: Facts, outcomes: Outcomes) -> list[str]:
    del outcomes
    with database.reading() as session:
        rows = session.scalar(
            select(func.count()).where(
                LEDGER.c.action == "monthly_reset",
                LEDGER.c.cycle == 1,
                LEDGER.c.id > facts["newest"],
            )
        )
        due = resets.due_ids(session, now=AFTER_RESET, limit=1)
    wrong = [] if rows == _everybody(database) else [f"{rows} resets instead of one for each"]
    return [*wrong, *(["somebody was left without a reset"] if due else [])]


def _charge_by_key(database: Database, facts: Facts, _number: int) -> str:
    charge = CreditDesk(database).charge(
        user_id=facts["user"], credits=1, action="race", now=JOINED, key="the same for all"
    )
    return f"{charge.available} left"


def _judge_key(database: Database, facts: Facts, outcomes: Outcomes) -> list[str]:
    with database.reading() as session:
        charges = session.scalar(
            select(func.count()).where(LEDGER.c.user_id == facts["user"], LEDGER.c.action == "race")
        )
    wrong = [] if charges == 1 else [f"{charges} charges under one key"]
    if set(outcomes) != {f"{ALLOWANCE - 1} left"}:
        wrong.append("not everybody got the first answer")
    return wrong


RACES = (
    Race("the last credits", _one_person, _charge, _judge_charges),
    Race("the end of a hold", _one_hold, _end_hold, _judge_hold),
    Race("one key, many requests", _one_person, _charge_by_key, _judge_key),
    # The last one: whoever joined for the others is due by then as well.
    Race("resets by several runners", _many_due, _reset, _judge_resets),
)


def attempt(race: Race, database: Database, facts: Facts, number: int) -> str:
    """One attempt and its outcome; a database that gave up is an outcome as well."""
    try:
        return race.attempt(database, facts, number)
    except DatabaseUnavailable as error:
        return f"database: {error.reason}"


DOCTOR = Actor.program("doctor")


def _expect(outcomes: Outcomes, what: str, times: int) -> list[str]:
    return [] if outcomes[what] == times else [f"{outcomes[what]} {what} instead of {times}"]


def _everybody(database: Database) -> int:
    with database.reading() as session:
        started = LEDGER.c.action == "subscription_started"
        return session.scalar(select(func.count()).where(started)) or 0


def _join(session: Session) -> int:
    plans.ensure_default_plans(session, now=JOINED, by=DOCTOR, reason="")
    name = token()
    user = User(
        username=name,
        username_key=name,
        email=f"{name}@example.org",
        email_key=f"{name}@example.org",
        password_hash="!",  # noqa: S106 - no password has this hash
        role=Role.USER,
        time_zone="UTC",
        created_at=JOINED,
        password_changed_at=JOINED,
    )
    session.add(user)
    session.flush()
    subscriptions.start(session, user_id=user.id, now=JOINED, by=DOCTOR, reason="")
    return user.id
