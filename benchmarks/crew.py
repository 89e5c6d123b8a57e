"""Several processes with several threads each, which start together and stop together."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

WARM_UP_SECONDS = 0.7

Step = Callable[[], object]
MakeStep = Callable[..., Step]
"""Makes what a thread does over and over; called once in each thread, with its number."""


@dataclass(frozen=True)
class Tally:
    """What a crew got done in its time."""

    seconds: float
    latencies: list[float]

    @property
    def a_second(self) -> float:
        """How many steps a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, part: float) -> float:
        """The latency, in milliseconds, that so large a part of the steps kept within."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000


def run(
    make_step: MakeStep,
    *arguments: Any,
    processes: int,
    threads: int,
    seconds: float,
    pause: float = 0.0,
) -> Tally:
    """Let every thread of every process repeat its step for so many seconds.

    With a `pause` each thread begins a step every so many seconds, as far as it keeps up; without,
    the next one begins at once.
    """
    spawning = multiprocessing.get_context("spawn")
    gate = spawning.Barrier(processes)
    results: Queue[list[float]] = spawning.Queue()
    crew = [
        spawning.Process(
            target=_process,
            args=(make_step, arguments, number * threads, threads, seconds, pause, gate, results),
        )
        for number in range(processes)
    ]
    for process in crew:
        process.start()
    latencies = [latency for _ in crew for latency in results.get(timeout=seconds + 120)]
    for process in crew:
        process.join()
    return Tally(seconds, latencies)


def _process(  # noqa: PLR0917 - the target of a process, called in one place
    make_step: MakeStep,
    arguments: tuple[Any, ...],
    first_number: int,
    threads: int,
    seconds: float,
    pause: float,
    gate: Barrier,
    results: "Queue[list[float]]",
) -> None:
    together = threading.Barrier(threads + 1)
    latencies: list[list[float]] = [[] for _ in range(threads)]

    def work(number: int) -> None:
        step = make_step(first_number + number, *arguments)
        _repeat(step, WARM_UP_SECONDS, pause)
        together.wait()
        together.wait()
        latencies[number] = _repeat(step, seconds, pause)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    together.wait()
    gate.wait()
    together.wait()
    for worker in workers:
        worker.join()
    results.put([latency for of_thread in latencies for latency in of_thread])


def _repeat(step: Step, seconds: float, pause: float) -> list[float]:
    latencies = []
    begin = now = time.perf_counter()
    due = begin
    while now - begin < seconds:
        started = time.perf_counter()
        step()
        now = time.perf_counter()
        latencies.append(now - started)
        due += pause
        if due > now:
            time.sleep(due - now)
            now = time.perf_counter()
        else:
            due = now
    return latencies
