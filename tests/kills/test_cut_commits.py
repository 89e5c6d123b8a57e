"""The line to PostgreSQL is cut at COMMIT, five hundred times: before it arrives, or after."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from dateutil.relativedelta import relativedelta
from sqlalchemy import func, select

from sketchmaker.clock import ManualClock
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import granting
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.tables import LEDGER, UserSubscription
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.reset_runner import ResetRunner
from tests.kills import verdict
from tests.kills.journal import Answer, Question, Told
from tests.kills.roles import asked_once
from tests.kills.rounds import count, rounds, say
from tests.support.actors import SOMEBODY
from tests.support.people import assert_books_close, subscriber
from tests.support.proxy import CuttingProxy, IsWanted, Where

CUTS = 500
JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
NOW = JOINED + timedelta(hours=1)

pytestmark = [pytest.mark.race, pytest.mark.slow]


def is_commit(statement: str) -> bool:
    return statement.strip().upper() == "COMMIT"


def is_single_statement_charge(statement: str) -> bool:
    return "INSERT INTO usage_history" in statement and statement.startswith("WITH")


class Cuts:
    """A client behind the proxy, and one that looks at the database directly."""

    def __init__(self, direct: Database, proxy: CuttingProxy) -> None:
        self.direct, self._proxy = direct, proxy
        self.cut = Database(proxy.url)
        self._desk = CreditDesk(self.cut)
        self._numbers = itertools.count(1)
        self.told = Told({}, {})
        self.plain = [subscriber(direct, now=JOINED, plan="pro").user_id for _ in range(10)]
        self.gifted = [subscriber(direct, now=JOINED, plan="pro").user_id for _ in range(3)]
        for user_id in self.gifted:
            with direct.transaction() as session:
                granting.grant(
                    session,
                    user_id=user_id,
                    credits=900,
                    kind="promotion",
                    reason="To be spent first.",
                    expires_at=JOINED + timedelta(days=2),
                    now=JOINED,
                    by=SOMEBODY,
                )

    def charge(self, chance: Random, where: Where) -> None:
        """One statement that commits by itself."""
        question = self._question("charge", chance.choice(self.plain), chance.randint(1, 3))
        self._cut_off(question, where, is_single_statement_charge)

    def charge_a_grant(self, chance: Random, where: Where) -> None:
        """A charge that takes several statements."""
        question = self._question("charge", chance.choice(self.gifted), chance.randint(1, 3))
        self._cut_off(question, where, is_commit)

    def be_refused(self, chance: Random, where: Where) -> None:
        """The refusal is committed too: it is the answer."""
        self._cut_off(self._question("charge", chance.choice(self.plain), 9_000), where, is_commit)

    def hold(self, chance: Random, where: Where) -> None:
        """Credits set aside, of the allowance or of a grant."""
        user_id = chance.choice(self.plain + self.gifted)
        self._cut_off(self._question("hold", user_id, chance.randint(1, 3)), where, is_commit)

    def settle(self, chance: Random, where: Where) -> None:
        """A hold charged in part or whole."""
        held = self._held(chance)
        credits = chance.randint(1, held["credits"])
        question = self._question("settle", held["user"], credits, held["id"])
        self._cut_off(question, where, is_commit)

    def release(self, chance: Random, where: Where) -> None:
        """A hold given back."""
        held = self._held(chance)
        self._cut_off(self._question("release", held["user"], 0, held["id"]), where, is_commit)

    def reset(self, chance: Random, where: Where) -> None:
        """One batch of resets; asked again, what is left is done and nothing else."""
        due = [subscriber(self.direct, now=JOINED - relativedelta(months=1)) for _ in range(3)]
        runner = ResetRunner(self.cut, ManualClock(NOW))
        with self._cutting(where, is_commit):
            runner.run()
        assert self._resets_of(due) == (len(due) if where == "after" else 0)
        assert runner.run() == (0 if where == "after" else len(due))
        assert self._resets_of(due) == len(due)

    def _question(self, verb: str, user_id: int, credits: int, hold_id: int = 0) -> Question:
        return Question(f"{verb}-{next(self._numbers)}", user_id, verb, credits, hold_id)

    def _held(self, chance: Random) -> Answer:
        user_id = chance.choice(self.plain + self.gifted)
        question = self._question("hold", user_id, chance.randint(1, 3))
        answer = asked_once(self._desk, question, NOW)
        self._remember(question, answer)
        return {**answer, "user": user_id}

    def _cut_off(self, question: Question, where: Where, is_wanted: IsWanted) -> None:
        """Ask and be cut off; look directly what came of it; ask again, twice."""
        with self._cutting(where, is_wanted):
            asked_once(self._desk, question, NOW)
        stored = verdict.stored_answer(self.direct, question)
        assert (stored is not None) == (where == "after"), f"{question}, cut {where} its commit"
        answer = asked_once(self._desk, question, NOW)
        if stored is not None and "refused" not in answer:
            assert answer == {name: stored["result"][name] for name in answer}
        assert asked_once(self._desk, question, NOW) == answer
        self._remember(question, answer)

    @contextmanager
    def _cutting(self, where: Where, is_wanted: IsWanted) -> Iterator[None]:
        cuts = self._proxy.cuts
        self._proxy.arm(is_wanted, where)
        with pytest.raises(DatabaseUnavailable):
            yield
        assert self._proxy.cuts == cuts + 1

    def _remember(self, question: Question, answer: Answer) -> None:
        self.told.questions[question.key] = question
        self.told.answers[question.key] = answer

    def _resets_of(self, people: list[UserSubscription]) -> int:
        theirs = LEDGER.c.subscription_id.in_([person.id for person in people])
        with self.direct.reading() as session:
            counted = select(func.count()).where(LEDGER.c.action == RESET_ACTION, theirs)
            return session.execute(counted).scalar_one()


@pytest.fixture
def cuts(postgres_database: Database, postgres_url: str) -> Iterator[Cuts]:
    proxy = CuttingProxy(postgres_url)
    made = Cuts(postgres_database, proxy)
    for engine in made.cut.engines:
        engine.connect().close()  # at first it asks for the types of the server, in a transaction
    yield made
    made.cut.close()
    proxy.close()


VERBS = (
    Cuts.charge,
    Cuts.charge_a_grant,
    Cuts.be_refused,
    Cuts.hold,
    Cuts.settle,
    Cuts.release,
    Cuts.reset,
)


def test_a_line_cut_at_commit_leaves_all_or_nothing_and_the_retry_gets_the_one_answer(
    cuts: Cuts, request: pytest.FixtureRequest
) -> None:
    done: Counter[str] = Counter()

    for round_ in rounds(request, CUTS):
        with round_ as chance:
            verb = chance.choice(VERBS)
            where: Where = chance.choice(("before", "after"))
            verb(cuts, chance, where)
            done[f"{verb.__name__} cut {where}"] += 1

    say(f"{count(CUTS)} cuts: {dict(done)}")
    verdict.assert_each_answer_is_there_once(cuts.direct, cuts.told, since=NOW)
    assert_books_close(cuts.direct)
