"""kill -9 of the whole PostgreSQL under clients and a scheduler that nobody restarts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import sleep

import pytest

from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.kills import crowd, journal, verdict
from tests.kills.crowd import Crowd
from tests.kills.own_postgres import OwnPostgres
from tests.kills.processes import Forked, Zygote
from tests.kills.roles import ShiftedClock
from tests.kills.rounds import count, rounds, say
from tests.kills.verdict import Tally
from tests.support.people import assert_books_close
from tests.support.waiting import wait_until

ROUNDS = 20
SIZE = 2_500
CHARGERS = 2

pytestmark = [pytest.mark.race, pytest.mark.slow]


class Outages:
    """One database object and one scheduler thread live through all rounds."""

    def __init__(self, server: OwnPostgres, zygote: Zygote, folder: Path) -> None:
        self._server, self._zygote, self._folder = server, zygote, folder
        self.database = Database(server.url)
        self.crowd: Crowd = crowd.gather(self.database, SIZE)
        self.clock = ShiftedClock(crowd.shift_to(0))
        self.scheduler = SubscriptionScheduler(self.database, self.clock)
        self.tally = Tally()
        self.resets_unfinished = self.with_open_questions = 0
        self._reset_takes = 0.2
        self._month = 0

    def once(self, chance: Random) -> None:
        """Everybody is due, clients charge, the server dies and comes back; all is well."""
        self._month += 1
        self.clock.shift = ShiftedClock(crowd.shift_to(self._month)).shift
        since = self.clock.now()
        journals = [self._folder / f"journal-{self._month}-{n}" for n in range(CHARGERS)]
        stop = self._folder / f"stop-{self._month}"
        chargers = [self._charger(path, stop, chance) for path in journals]
        self._wait_for_answers(journals, 1)
        self.scheduler.schedule_user_reset(1)  # wakes it: everybody is due
        self._kill_and_start(chance, journals)
        self._wait_for_answers(journals, 5)
        wait_until(self._all_are_reset, what="the reset")
        stop.touch()
        for charger in chargers:
            charger.join(120)
        told = journal.read(journals)
        assert not told.open, "a client gave up:\n" + "".join(c.said() for c in chargers)
        verdict.settle_open_questions(
            self.database, told, since=since, now=self.clock.now(), tally=self.tally
        )
        verdict.assert_all_is_well(
            self.database, told, crowd=self.crowd, month=self._month, since=since
        )

    def _all_are_reset(self) -> bool:
        try:
            return crowd.due(self.database, self._month) == 0
        except DatabaseUnavailable:  # the first query on a connection from before the kill
            return False

    def _kill_and_start(self, chance: Random, journals: list[Path]) -> None:
        delay = chance.random() * self._reset_takes
        sleep(delay)
        left = crowd.due(self.database, self._month)
        self._server.kill()
        asked = len(journal.read(journals).open)
        self._server.start_again()
        say(f"killed after {delay * 1000:.0f} ms: {left} of {SIZE} due, {asked} unanswered")
        self.resets_unfinished += left > 0
        self.with_open_questions += asked > 0
        # Machines differ, and this one may be busy: the next kill comes sooner, or later.
        self._reset_takes *= 0.8 if left == 0 else 1.1

    def _charger(self, path: Path, stop: Path, chance: Random) -> Forked:
        return self._zygote.fork(
            "charger",
            url=self._server.url,
            shift=self.clock.shift.total_seconds(),
            name=path.name,
            seed=chance.getrandbits(32),
            users=self.crowd.users,
            journal=str(path),
            stop=str(stop),
        )

    def _wait_for_answers(self, journals: list[Path], answers: int) -> None:
        """Each client gets so many more."""
        had = [len(journal.read([path]).answers) for path in journals]

        def all_have_more() -> bool:
            have = [len(journal.read([path]).answers) for path in journals]
            return all(now - then >= answers for now, then in zip(have, had, strict=True))

        wait_until(all_have_more, what="charging")


@contextmanager
def scheduled(outages: Outages) -> Iterator[None]:
    outages.scheduler.start()
    try:
        yield
    finally:
        outages.scheduler.shutdown()
        outages.database.close()


def test_when_all_of_postgresql_is_killed_clients_and_scheduler_go_on_and_the_books_close(
    own_postgres: OwnPostgres, zygote: Zygote, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    outages = Outages(own_postgres, zygote, tmp_path)
    with scheduled(outages):
        for round_ in rounds(request, ROUNDS):
            with round_ as chance:
                outages.once(chance)
            assert outages.scheduler.is_running
        assert_books_close(outages.database)

    say(
        f"{count(ROUNDS)} rounds: {outages.tally.acknowledged} answers, killed amid resets "
        f"{outages.resets_unfinished} times, amid questions {outages.with_open_questions} times"
    )
    assert outages.resets_unfinished >= count(ROUNDS) / 4
    assert outages.with_open_questions >= count(ROUNDS) / 3
