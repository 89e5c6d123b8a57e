"""kill -9 in the middle of a mass reset by two schedulers and of charging, again and again."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest

from sketchmaker.database import Database
from tests.kills import crowd, journal, verdict
from tests.kills.crowd import CHARGED_USERS, Crowd
from tests.kills.processes import Forked, Zygote, kill_all
from tests.kills.roles import ShiftedClock
from tests.kills.rounds import count, rounds, say
from tests.kills.verdict import Tally
from tests.support.people import assert_books_close
from tests.support.waiting import wait_until

ROUNDS = 50  # on each database
SIZE = 2_500  # the scheduler's own batches are of 1,000
SCHEDULERS = CHARGERS = 2

pytestmark = [pytest.mark.race, pytest.mark.slow]


@dataclass
class Found:
    """How things stood when the signals struck: a kill after the work proves nothing."""

    tally: Tally = field(default_factory=Tally)
    died_in_a_reset: int = 0
    resets_partly_done: int = 0
    with_open_questions: int = 0


class Rounds:
    """The same crowd, killed month after month; the delay is kept within the reset's duration."""

    def __init__(self, database: Database, url: str, zygote: Zygote, folder: Path) -> None:
        self.database, self._url, self._zygote, self._folder = database, url, zygote, folder
        self.crowd: Crowd = crowd.gather(database, SIZE)
        self.found = Found()
        self._month = 0
        self._reset_takes = self.took = 0.0

    def once(self, chance: Random, *, kill: bool = True) -> None:
        """Everybody is due; schedulers and clients start; some die, then all; all is well."""
        self._month += 1
        self._begun = monotonic()
        self._clock = ShiftedClock(crowd.shift_to(self._month))
        since = self._clock.now()
        self._journals: list[Path] = []
        self._runs: list[Path] = []
        schedulers = [self._scheduler() for _ in range(SCHEDULERS)]
        chargers = [self._charger(chance) for _ in range(CHARGERS)]
        if kill:
            self._strike(chance, schedulers + chargers)
        if not any(process.is_alive for process in schedulers):
            schedulers.append(self._scheduler())  # as whoever looks after processes would
        if not any(process.is_alive for process in chargers):
            chargers.append(self._charger(chance))
        wait_until(lambda: crowd.due(self.database, self._month) == 0, what="the reset")
        self.took = monotonic() - self._begun
        self._let_them_charge(chance.randint(1, 12))
        kill_all(schedulers + chargers)
        self._judge(since)

    def measure(self) -> None:
        """Two rounds in which the work may end first, to know how long the reset takes."""
        for _ in range(2):
            self.once(Random(0), kill=False)
            self._reset_takes = self.took / 2
        self.found = Found()

    def _scheduler(self) -> Forked:
        self._runs.append(self._folder / f"runs-{self._month}-{len(self._runs)}")
        return self._zygote.fork(
            "scheduler",
            url=self._url,
            shift=self._clock.shift.total_seconds(),
            runs=str(self._runs[-1]),
        )

    def _charger(self, chance: Random) -> Forked:
        name = f"{self._month}-{len(self._journals)}"
        self._journals.append(self._folder / f"journal-{name}")
        return self._zygote.fork(
            "charger",
            url=self._url,
            shift=self._clock.shift.total_seconds(),
            name=name,
            seed=chance.getrandbits(32),
            users=self.crowd.users,
            journal=str(self._journals[-1]),
            stop=str(self._folder / "never"),
        )

    def _strike(self, chance: Random, processes: list[Forked]) -> None:
        self._wait_for_a_run()
        delay = chance.random() * self._reset_takes
        victims = sorted(chance.sample(range(len(processes)), chance.randint(1, len(processes))))
        sleep(delay)
        kill_all([processes[n] for n in victims])
        in_a_run = [n for n in victims if n < SCHEDULERS and self._was_in_a_run(n)]
        left = crowd.due(self.database, self._month)
        say(
            f"killed {victims} after {delay * 1000:.0f} ms, {in_a_run} in the middle of a reset: "
            f"{left} of {SIZE} still due"
        )
        self.found.died_in_a_reset += bool(in_a_run)
        self.found.resets_partly_done += 0 < left < SIZE - CHARGED_USERS
        # Machines differ, and this one may be busy: the next kill comes sooner, or later.
        self._reset_takes *= 0.85 if left == 0 else 1.1

    def _wait_for_a_run(self) -> None:
        deadline = monotonic() + 120
        while not any(path.exists() and path.stat().st_size for path in self._runs):
            assert monotonic() < deadline, "no scheduler began within 120 s"
            sleep(0.001)

    def _was_in_a_run(self, scheduler: int) -> bool:
        path = self._runs[scheduler]
        return path.exists() and path.read_bytes().endswith(b"B")

    def _let_them_charge(self, answers: int) -> None:
        wanted = len(journal.read(self._journals).answers) + answers
        wait_until(lambda: len(journal.read(self._journals).answers) >= wanted, what="charging")

    def _judge(self, since: datetime) -> None:
        told = journal.read(self._journals)
        self.found.with_open_questions += bool(told.open)
        verdict.settle_open_questions(
            self.database, told, since=since, now=self._clock.now(), tally=self.found.tally
        )
        verdict.assert_all_is_well(
            self.database, told, crowd=self.crowd, month=self._month, since=since
        )


def test_whoever_is_killed_in_a_mass_reset_or_a_charge_nothing_is_lost_or_done_twice(
    database: Database,
    database_url: str,
    zygote: Zygote,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    killing = Rounds(database, database_url, zygote, tmp_path)
    killing.measure()

    for round_ in rounds(request, ROUNDS):
        with round_ as chance:
            killing.once(chance)

    assert_books_close(database)
    found = killing.found
    say(f"{count(ROUNDS)} rounds: {found}")
    assert found.died_in_a_reset >= count(ROUNDS) / 3
    assert found.with_open_questions >= count(ROUNDS) / 3
    assert found.tally.whole and found.tally.absent
