"""Two people on a stage: time, the comparison after every step, and how a rule is played."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import delete
from sqlalchemy.orm import Session

from sketchmaker.credits import books
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import KEYS
from sketchmaker.database import Database
from tests.support import credit_model as model
from tests.support.actors import SOMEBODY
from tests.support.credit_ledger import LedgerReader
from tests.support.engine_machine.found import Found, grant_facts, hold_facts, shown_at
from tests.support.engine_machine.lockstep import SUSPENDED, Ids, Twin, do_chores, facts
from tests.support.people import add_user

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ANCHORS = [
    START,
    datetime(2024, 2, 29, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 15, 7, 30, tzinfo=UTC),
    datetime(2025, 12, 31, 1, 30, tzinfo=UTC),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
TABLES = [KEYS, SUSPENDED, LEDGER, HOLDS, GRANTS, SUBSCRIPTIONS]

WHO = st.sampled_from([0, 0, 0, 1])  # one life is the fuller for it
AMOUNTS = st.sampled_from([1, 2, 3, 8, 13, "all", "all", "one too many"])
PLAN_NAMES = st.sampled_from(list(model.PLANS))
BESIDE = st.sampled_from([timedelta(microseconds=n) for n in (-1, 0, 1)])
LIFETIMES = st.sampled_from([timedelta(hours=1), timedelta(days=3), timedelta(days=7)])
PASSING = st.sampled_from(
    [timedelta(minutes=1), timedelta(hours=2), timedelta(days=1), timedelta(days=33)]
)
PLACES = st.integers(0, 15)

Amount = int | str


@dataclass
class Tally:
    """How many steps were taken, over all examples."""

    steps: int = 0
    examples: int = 0


@dataclass
class FirstAnswer:
    """What was asked under a key, what was answered, and until when that is remembered."""

    asked: Any
    answer: Any
    kept_until: datetime


@dataclass
class Actor:
    """Somebody who has locked a user's subscription and takes their time."""

    session: Session
    transaction: AbstractContextManager[Session]
    committed: model.Person


@dataclass
class Subject:
    """One user: in the database, and in the model."""

    ids: Ids
    person: model.Person
    twin_ids: Ids | None = None
    actor: Actor | None = None

    @property
    def committed(self) -> model.Person:
        """What everybody else sees."""
        return self.actor.committed if self.actor else self.person


class Stage(RuleBasedStateMachine):
    """Every rule does the same to the engine and to the model, and compares what they answer."""

    database: Database
    twin_database: Database
    tally: Tally
    twin: Twin | None = None

    def __init__(self) -> None:
        super().__init__()
        self.desk = CreditDesk(self.database)
        self.now = START
        self.subjects: list[Subject] = []
        self.twin = None
        self.answers: dict[tuple[int, str], FirstAnswer] = {}
        self.ledger = LedgerReader()
        self.tally.examples += 1

    # The stage.

    @initialize(
        plans=st.tuples(PLAN_NAMES, PLAN_NAMES),
        zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
        anchor=st.sampled_from(ANCHORS),
        is_in_lockstep=st.booleans(),
    )
    def two_people_join(
        self,
        plans: tuple[str, str],
        zones: tuple[str, str],
        anchor: datetime,
        *,
        is_in_lockstep: bool,
    ) -> None:
        self.now = anchor
        people = [model.Person(*each) for each in zip(plans, (anchor, anchor), zones, strict=True)]
        joined = [_join(self.database, person) for person in people]
        self.subjects = [Subject(*each) for each in zip(joined, people, strict=True)]
        if is_in_lockstep:
            self.twin = Twin(self.twin_database, now=anchor)
            for subject in self.subjects:
                subject.twin_ids = _join(self.twin_database, subject.person)

    def teardown(self) -> None:
        for subject in self.subjects:
            if subject.actor:
                self._finish(subject, commit=False)
        try:
            self._books_must_close(self.database, self.now)
            if self.twin:
                self._books_must_close(self.twin_database, self.now)
                self._what_was_put_off_is_done_the_same(self.twin)
        finally:
            for database in (self.database, self.twin_database):
                with database.transaction() as session:
                    for table in TABLES:
                        session.execute(delete(table))

    # Time.

    @rule(who=WHO, kind=st.sampled_from(["reset", "grant", "hold"]), place=PLACES, beside=BESIDE)
    def go_to_a_boundary(self, who: int, kind: str, place: int, beside: timedelta) -> None:
        person = self.subjects[who].person
        at = [person.next_reset]
        if kind == "grant":
            expiries = [grant.expires_at for grant in person.grants.values()]
            at = [expiry for expiry in expiries if expiry != model.NEVER]
        if kind == "hold":
            at = [hold.expires_at for hold in person.pending]
        if at:
            self._go_to(at[place % len(at)] + beside)

    @rule(passing=PASSING)
    def time_passes(self, passing: timedelta) -> None:
        self.now += passing

    @precondition(lambda self: not self.twin)
    @rule(passing=PASSING)
    def the_clock_is_set_back(self, passing: timedelta) -> None:
        self.now -= passing

    # What must always hold.

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        self.tally.steps += 1
        with self.database.reading() as session:
            found = Found(session, self.now, self.ledger.last_id)
        for subject in self.subjects:
            person, number = subject.committed, subject.ids.subscription_id
            expected = person.row()
            assert {name: found.rows[number][name] for name in expected} == expected
            assert found.grants[subject.ids.user_id] == [
                grant_facts(g) for g in person.grants.values()
            ]
            assert found.holds[number] == [hold_facts(h) for h in person.holds.values()]
            self.ledger.read_on(number, found.ledger[number], person)
            statement = found.statements.get(number)
            seen = person.seen_at(self.now) if person.is_active else {}
            assert {name: getattr(statement, name) for name in seen} == seen
            assert (statement is None) is not person.is_active
        if self.twin:
            self._the_twin_is_told_the_same(self.twin, found)

    # How.

    def _subject(self, who: int, amount: Amount) -> tuple[Subject, int]:
        subject = self.subjects[who]
        if isinstance(amount, int):
            return subject, amount
        there = subject.person.seen_at(self.now)["available"]
        assert isinstance(there, int)
        return subject, max(there, 1) if amount == "all" else there + 1

    def _hold(self, subject: Subject, place: int) -> int | None:
        """The number of a hold, the newest first."""
        count = len(subject.person.holds)
        return count - 1 - place % count if count else None

    def _both(
        self,
        subject: Subject,
        engine: Callable[[Session, Ids], Any],
        rules: Callable[[model.Person], Any],
    ) -> Any:
        """The engine's answer, once twin and model have agreed; None when all refuse."""
        answer = self._answer(subject, engine)
        if self.twin and subject.twin_ids:
            ids = subject.twin_ids
            twins = self.twin.answer(lambda session: engine(session, ids), now=self.now)
            self._compare(answer, twins)
        self._agree(answer, subject.person, rules)
        return None if isinstance(answer, CreditError) else answer

    def _agree(
        self, answer: Any, person: model.Person, rules: Callable[[model.Person], Any]
    ) -> None:
        expected = _expected(person, rules)
        if isinstance(expected, model.Refused):
            assert type(answer).__name__ == expected.name, (answer, expected.facts)
            assert {name: getattr(answer, name) for name in expected.facts} == expected.facts
            return
        assert not isinstance(answer, CreditError), repr(answer)
        if isinstance(expected, model.End):
            assert vars(expected) == {name: getattr(answer, name) for name in vars(expected)}
        elif isinstance(expected, int):
            assert answer == expected

    @staticmethod
    def _compare(lazy: Any, eager: Any) -> None:
        assert facts(lazy) == facts(eager), (lazy, eager)

    def _answer(self, subject: Subject, engine: Callable[[Session, Ids], Any]) -> Any:
        try:
            with self._session(subject) as session:
                return engine(session, subject.ids)
        except CreditError as error:
            return error

    @contextmanager
    def _session(self, subject: Subject) -> Iterator[Session]:
        """The open one of whoever has locked the subscription, else one of its own."""
        if subject.actor:
            with subject.actor.session.begin_nested():
                yield subject.actor.session
        else:
            with self.database.transaction() as session:
                yield session

    def _finish(self, subject: Subject, *, commit: bool) -> None:
        actor, subject.actor = subject.actor, None
        assert actor is not None
        if commit:
            actor.transaction.__exit__(None, None, None)
            return
        actor.session.rollback()
        actor.transaction.__exit__(None, None, None)
        subject.person = actor.committed
        del subject.ids.hold_ids[len(subject.person.holds) :]

    def _the_twin_is_told_the_same(self, twin: Twin, found: Found) -> None:
        twin.catch_up(self.now)
        with twin.database.reading() as session:
            eager = shown_at(session, self.now)
        for subject in self.subjects:
            assert subject.twin_ids is not None
            lazy = found.statements.get(subject.ids.subscription_id)
            self._compare(lazy, eager.get(subject.twin_ids.subscription_id))

    def _go_to(self, moment: datetime) -> bool:
        """False where that is in the past of two engines: what a chore did then can't be undone."""
        if self.twin and moment < self.now:
            return False
        self.now = moment
        return True

    @staticmethod
    def _books_must_close(database: Database, now: datetime) -> None:
        with database.reading() as session:
            violations = list(books.verify(session, now=now))
        # The clock may have been set back since a hold was placed: then its end is far away.
        assert not [str(found) for found in violations if found.invariant != "B35"]

    def _what_was_put_off_is_done_the_same(self, twin: Twin) -> None:
        twin.catch_up(self.now)
        with self.database.transaction() as session:
            do_chores(session, now=self.now)
            lazy = Found(session, self.now, self.ledger.last_id)
        with twin.database.reading() as session:
            eager = Found(session, self.now, self.ledger.last_id)
        for subject in self.subjects:
            assert subject.twin_ids is not None
            names = subject.person.row().keys()
            assert lazy.all_of(subject.ids, names) == eager.all_of(subject.twin_ids, names)

    def _may_do_chores(self) -> bool:
        """In a life with a twin nobody does any."""
        return not self.twin and not self._somebody_is_busy()

    def _somebody_is_busy(self) -> bool:
        return any(subject.actor for subject in self.subjects)


def _join(database: Database, person: model.Person) -> Ids:
    with database.transaction() as session:
        user = add_user(session, now=person.anchor)
        row = subscriptions.start(
            session,
            user_id=user.id,
            plan_name=person.plan,
            now=person.anchor,
            time_zone=person.zone,
            by=SOMEBODY,
            reason="A test.",
        )
        return Ids(user.id, row.id)


def _expected(person: model.Person, rules: Callable[[model.Person], Any]) -> Any:
    try:
        with person.whole_or_not_at_all():
            return rules(person)
    except model.Refused as refusal:
        return refusal
