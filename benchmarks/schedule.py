"""What a scheduler costs, by the number of subscriptions: to start, and to find the next due."""

import multiprocessing
import statistics
import time
from multiprocessing.queues import Queue
from pathlib import Path

from benchmarks.mass import MovedClock
from benchmarks.people import NOTHING_DUE
from sketchmaker.credits import resets
from sketchmaker.database import Database
from sketchmaker.scheduling.scheduler import SubscriptionScheduler

LOOKS = 300


def start(url: str) -> tuple[float, float]:
    """Milliseconds until a scheduler runs and it is known what is next, and MB that it took."""
    spawning = multiprocessing.get_context("spawn")
    results: Queue[tuple[float, float]] = spawning.Queue()
    process = spawning.Process(target=_start, args=(url, results))
    process.start()
    measured = results.get(timeout=120)
    process.join()
    return measured


def next_due(url: str) -> float:
    """Microseconds to find the subscription that resets next: the median of `LOOKS`."""
    database, taken = Database(url), []
    with database.reading() as session:
        for _ in range(LOOKS):
            began = time.perf_counter()
            resets.due_ids(session, now=NOTHING_DUE, limit=1)
            resets.next_due_at(session, now=NOTHING_DUE)
            taken.append(time.perf_counter() - began)
    database.close()
    return statistics.median(taken) * 1e6


def _start(url: str, results: "Queue[tuple[float, float]]") -> None:
    database = Database(url)
    database.ping()
    scheduler = SubscriptionScheduler(database, MovedClock(NOTHING_DUE))
    before, began = _resident(), time.perf_counter()
    scheduler.start()
    with database.reading() as session:
        resets.next_due_at(session, now=NOTHING_DUE)
    took = time.perf_counter() - began
    time.sleep(1)
    grown = _resident() - before
    scheduler.shutdown()
    database.close()
    results.put((took * 1000, grown))


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
