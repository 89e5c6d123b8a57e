"""`doctor --hammer`: race the engine on a scratch of the operator's own database, and count.

Every race is run by several threads in several processes at once; afterwards its outcome is judged
and the books of the scratch are verified.
"""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier

from sketchmaker.commands import races
from sketchmaker.commands.races import AFTER_RESET, RACES, Facts, Outcomes, Race
from sketchmaker.commands.scratch import Scratch, scratch_beside
from sketchmaker.credits import books

THREADS = 16
PROCESSES = 2
LONGEST_WAIT_SECONDS = 120


@dataclass(frozen=True)
class RaceResult:
    """How often each outcome occurred, and what was wrong; nothing, when all was well."""

    race: str
    outcomes: Outcomes
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.outcomes.items()))
        if self.wrong:
            return f"FAILED  {self.race}: {'; '.join(self.wrong)} ({counts})"
        return f"OK      {self.race}: {counts}"


def hammer(
    url: str,
    tell: Callable[[RaceResult], None],
    *,
    processes: int = PROCESSES,
    threads: int = THREADS,
) -> bool:
    """Run every race on a scratch beside that database and tell its result. Was all well?

    With `processes` 0 the threads of this process race alone.

    Raises:
        CannotHammer, DatabaseUnavailable: as `scratch_beside`.
    """
    all_well = True
    with scratch_beside(url) as scratch, _crew(processes) as crew:
        for race in RACES:
            result = _run(race, scratch, crew, max(processes, 1), threads)
            tell(result)
            all_well = all_well and not result.wrong
    return all_well


@contextmanager
def _crew(processes: int) -> Iterator[Executor | None]:
    """The processes that race, started and warm; None for this one alone."""
    if not processes:
        yield None
        return
    # Fresh ones: a fork would share this process's open connections.
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=fresh, initializer=_leave_signals_alone)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _run(
    race: Race, scratch: Scratch, crew: Executor | None, processes: int, threads: int
) -> RaceResult:
    database = scratch.open()
    try:
        facts = race.prepare(database)
        outcomes = _race(
            race, scratch, crew, facts, range(0, processes * threads, threads), threads
        )
        wrong = race.judge(database, facts, outcomes)
        with database.reading() as session:
            wrong += [str(found) for found in books.verify(session, now=AFTER_RESET)]
    finally:
        database.close()
    wrong += [what for what in outcomes if what.startswith("database:")]
    return RaceResult(race.name, outcomes, tuple(wrong))


def _race(  # noqa: PLR0917 - private, called from one place
    race: Race,
    scratch: Scratch,
    crew: Executor | None,
    facts: Facts,
    starts: range,
    threads: int,
) -> Outcomes:
    name = race.name
    if crew is None:
        return sum((storm(name, scratch, facts, start, threads) for start in starts), Counter())
    under_way = [crew.submit(storm, name, scratch, facts, start, threads) for start in starts]
    storms = (future.result(LONGEST_WAIT_SECONDS) for future in under_way)
    return sum(storms, Counter())


def storm(name: str, scratch: Scratch, facts: Facts, start: int, threads: int) -> Outcomes:
    """Let that many threads of this process make their attempts at the same moment."""
    race = next(race for race in RACES if race.name == name)
    database = scratch.open()
    gate = Barrier(threads)

    def take_part(number: int) -> str:
        gate.wait(LONGEST_WAIT_SECONDS)
        return races.attempt(race, database, facts, number)

    try:
        with ThreadPoolExecutor(threads) as pool:
            return Counter(pool.map(take_part, range(start, start + threads)))
    finally:
        database.close()


def _leave_signals_alone() -> None:
    """Ctrl-C reaches every process of a terminal; the first one ends the others."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
