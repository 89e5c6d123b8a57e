"""Did each question take effect once, each reset happen once, and do the books close?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.tables import HOLDS, LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import KEYS
from sketchmaker.database import Database
from tests.kills.crowd import Crowd
from tests.kills.journal import Answer, Question, Told
from tests.kills.roles import answered
from tests.support.people import assert_books_close


@dataclass(frozen=True)
class Written:
    """What the database says of the questions since some instant."""

    answers: dict[str, Answer]
    ledger: dict[str, list[tuple[int, int, int]]]
    holds: dict[str, list[tuple[int, str]]]

    def effects_of(self, question: Question) -> int:
        """How often it took effect."""
        rows = self.holds if question.verb == "hold" else self.ledger
        return len(rows.get(question.key, ()))


@dataclass
class Tally:
    """Of the questions that a kill left open: how many were whole, and how many absent."""

    acknowledged: int = 0
    whole: int = 0
    absent: int = 0


def settle_open_questions(
    database: Database, told: Told, *, since: datetime, now: datetime, tally: Tally
) -> None:
    """Each open question is whole or absent; asked again, it gets its one answer, each time."""
    tally.acknowledged += len(told.answers)
    before = written(database, since)
    desk = CreditDesk(database)
    for question in told.open:
        was_there = question.key in before.answers
        refused = "refusal" in before.answers.get(question.key, {})
        assert before.effects_of(question) == (was_there and not refused), f"half done: {question}"
        answer = answered(desk, question, lambda: now)
        assert answered(desk, question, lambda: now) == answer
        told.answers[question.key] = answer
        tally.whole += was_there
        tally.absent += not was_there
    for question in told.holds_left():
        told.questions[question.key] = question
        told.answers[question.key] = answered(desk, question, lambda: now)


def assert_each_answer_is_there_once(database: Database, told: Told, *, since: datetime) -> None:
    """Every answered question is in the books exactly once, and nothing else is."""
    found = written(database, since)
    assert found.ledger.keys() | found.holds.keys() <= told.questions.keys()
    for key, answer in told.answers.items():
        question = told.questions[key]
        assert key in found.answers, f"{question} was acknowledged and its key is forgotten"
        if "refused" in answer:
            assert found.effects_of(question) == 0, f"refused, and yet done: {question}"
        elif question.verb == "charge":
            expected = (question.credits, answer["available"], answer["cycle"])
            assert found.ledger.get(key) == [expected], question
        elif question.verb == "hold":
            assert [number for number, _ in found.holds.get(key, ())] == [answer["id"]], question
        else:
            used = [row[0] for row in found.ledger.get(key, ())]
            assert used == [answer["settled"]], question
    assert_no_hold_is_lost(told, found)


def assert_no_hold_is_lost(told: Told, found: Written) -> None:
    """A hold is pending, or ended by the question that ended it."""
    ends = {
        told.questions[key].hold_id: told.questions[key].verb
        for key in told.answers
        if told.questions[key].hold_id
    }
    state_after = {"settle": "settled", "release": "released", None: "pending"}
    for held in found.holds.values():
        for number, state in held:
            assert state == state_after[ends.get(number)]


def assert_reset_once_each(database: Database, crowd: Crowd, month: int) -> None:
    """The month's boundary has one row for each subscription, and each is in its cycle."""
    of_month = (LEDGER.c.action == RESET_ACTION, LEDGER.c.cycle == month)
    distinct = func.count(func.distinct(LEDGER.c.subscription_id))
    with database.reading() as session:
        rows = session.execute(select(func.count(), distinct).where(*of_month)).one()
        cycles = session.execute(
            select(SUBSCRIPTIONS.c.cycle, func.count()).group_by(SUBSCRIPTIONS.c.cycle)
        ).all()
    assert tuple(rows) == (crowd.size, crowd.size)
    assert [tuple(row) for row in cycles] == [(month, crowd.size)]


def assert_all_is_well(
    database: Database, told: Told, *, crowd: Crowd, month: int, since: datetime
) -> None:
    """Answers, resets and books.

    The whole examination of the books reads the whole ledger, which grows by the month: it is for
    every tenth, and whoever calls this does it once more at the end.
    """
    assert_each_answer_is_there_once(database, told, since=since)
    assert_reset_once_each(database, crowd, month)
    assert_balances_are_their_ledgers(database)
    if month % 10 == 0:
        assert_books_close(database)


def assert_balances_are_their_ledgers(database: Database) -> None:
    """What each subscription has and holds is the sum of its ledger."""
    of_it = LEDGER.c.subscription_id
    ledger = (
        select(of_it, func.sum(LEDGER.c.credits_delta).label("credits")).group_by(of_it).subquery()
    )
    in_the_row = SUBSCRIPTIONS.c.credits_remaining + SUBSCRIPTIONS.c.credits_held
    with database.reading() as session:
        wrong = session.execute(
            select(SUBSCRIPTIONS.c.id, in_the_row, ledger.c.credits)
            .outerjoin(ledger, ledger.c.subscription_id == SUBSCRIPTIONS.c.id)
            .where(in_the_row != func.coalesce(ledger.c.credits, 0))
        ).all()
    assert wrong == []


def written(database: Database, since: datetime) -> Written:
    """Everything that carries a question's key, as of one instant."""
    found = Written({}, {}, {})
    with _snapshot(database) as session:
        for row in session.execute(select(KEYS).where(KEYS.c.created_at >= since)):
            found.answers[row.key] = row.answer
        for row in session.execute(
            select(LEDGER).where(LEDGER.c.created_at >= since, LEDGER.c.action == "images")
        ):
            facts = (row.credits_used, row.balance_after, row.cycle)
            found.ledger.setdefault(ledger.said_by_caller(row.metadata)["request"], []).append(
                facts
            )
        for row in session.execute(select(HOLDS).where(HOLDS.c.created_at >= since)):
            found.holds.setdefault(row.details["request"], []).append((row.id, str(row.state)))
    return found


def stored_answer(database: Database, question: Question) -> Answer | None:
    """What is remembered under the question's key."""
    with database.reading() as session:
        return session.scalar(
            select(KEYS.c.answer).where(
                KEYS.c.user_id == question.user_id, KEYS.c.key == question.key
            )
        )


@contextmanager
def _snapshot(database: Database) -> Iterator[Session]:
    with database.reading() as session:
        if database.dialect == "postgresql":  # SQLite's readers see one snapshot anyway
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session
