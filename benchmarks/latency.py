"""How long charges take while a mass of resets goes on beside them."""

import multiprocessing
import threading
from multiprocessing.queues import Queue

from benchmarks import charges, crew, mass

PROCESSES, THREADS = 2, 4
A_SECOND = 200
"""Charges of all threads together: steady use, not as many as the machine can bear."""

SECONDS = 10.0


def idle(url: str, people: int) -> crew.Tally:
    """Charges while nothing else happens."""
    return _charges(url, people)


def beside_resets(url: str, people: int) -> tuple[crew.Tally, bool]:
    """Charges of the first half of the people while a scheduler process resets everybody.

    Those charged are not due any more when they were reset, by whichever was first. Tells also
    whether resets went on until the end.
    """
    spawning = multiprocessing.get_context("spawn")
    gate = spawning.Barrier(1)
    results: Queue[tuple[int, float, float]] = spawning.Queue()
    runner = spawning.Process(target=mass.run_to_the_end, args=(url, gate, results))
    starter = threading.Timer(crew.WARM_UP_SECONDS, runner.start)
    starter.start()
    tally = _charges(url, people)
    starter.join()
    lasted = runner.is_alive() and results.empty()
    runner.terminate()
    runner.join()
    return tally, lasted


def _charges(url: str, people: int) -> crew.Tally:
    return crew.run(
        charges.by_desk,
        url,
        people,
        processes=PROCESSES,
        threads=THREADS,
        seconds=SECONDS,
        pause=PROCESSES * THREADS / A_SECOND,
    )
