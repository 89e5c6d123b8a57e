"""`python -m benchmarks`: measure all, or one family, and write the results."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from benchmarks import charges, crew, latency, lists, mass, one_job_each, results, schedule
from benchmarks.results import Row, at_least, at_most, compared
from benchmarks.servers import Ground, ground

SECONDS = 5.0
CHARGED = 100_000
FEW = 1_000
JOBS = 300
STARTS = 5
"""A start takes milliseconds, and so does what else goes on: several in each round."""


def charges_on_postgres(at: Ground, rounds: int, _rows: int) -> list[Row]:
    """`CreditDesk.charge` beside pgbench."""
    limit, plain, keyed = [], [], []
    with at.postgres(CHARGED) as url:
        for _ in range(rounds):
            limit.append(
                charges.pgbench(at.pgbench, url, people=CHARGED, clients=4, seconds=SECONDS)
            )
            plain.append(_crew(charges.by_desk, url, 2, 4))
            keyed.append(_crew(charges.by_desk_once, url, 2, 4))
    beside, unit = "pgbench, one statement", "charges/s"
    return [
        compared("charge, PostgreSQL", plain, beside, limit, unit=unit, goal=at_least(0.6)),
        compared(
            "charge with a new key, PostgreSQL",
            keyed,
            beside,
            limit,
            unit=unit,
            goal=at_least(0.45),
        ),
    ]


def charges_on_sqlite(at: Ground, rounds: int, _rows: int) -> list[Row]:
    """`CreditDesk.charge` beside the sqlite3 module."""
    rows = []
    for label, processes, threads in (("one thread", 1, 1), ("2 processes of 4 threads", 2, 4)):
        raw, ours = [], []
        with at.sqlite(CHARGED) as url:
            for _ in range(rounds):
                raw.append(_crew(charges.by_sqlite3, url, processes, threads))
                ours.append(_crew(charges.by_desk, url, processes, threads))
        name = f"charge, SQLite, {label}"
        rows.append(compared(name, ours, "sqlite3", raw, unit="charges/s", goal=at_least(0.45)))
    return rows


def mass_resets(at: Ground, rounds: int, rows: int) -> list[Row]:
    """The runner beside one transaction, and beside a job for each subscription."""
    hand, one, hand_sqlite, one_sqlite, each = [], [], [], [], []
    for _ in range(rounds):
        with at.postgres(rows) as url:
            hand.append(mass.by_hand(url))
        with at.postgres(rows) as url:
            one.append(mass.by_runners(url, processes=1))
        with at.sqlite(rows) as url:
            hand_sqlite.append(mass.by_hand(url))
        with at.sqlite(rows) as url:
            one_sqlite.append(mass.by_runners(url, processes=1))
        with at.postgres(FEW) as url:
            each.append(one_job_each.resets_a_second(url, jobs=JOBS))
    unit, beside = "resets/s", "one transaction by hand"
    return [
        compared("mass reset, PostgreSQL", one, beside, hand, unit=unit, goal=at_least(0.6)),
        compared(
            "mass reset, SQLite", one_sqlite, beside, hand_sqlite, unit=unit, goal=at_least(0.7)
        ),
        compared(
            "mass reset, PostgreSQL, design", one, "a job each", each, unit=unit, goal=at_least(40)
        ),
    ]


def two_schedulers(at: Ground, rounds: int, rows: int) -> list[Row]:
    """Two runners side by side, beside one transaction."""
    hand, two = [], []
    for _ in range(rounds):
        with at.postgres(rows) as url:
            hand.append(mass.by_hand(url))
        with at.postgres(rows) as url:
            two.append(mass.by_runners(url, processes=2))
    name, beside = "mass reset, PostgreSQL, two schedulers", "one transaction by hand"
    return [compared(name, two, beside, hand, unit="resets/s", goal=at_least(0.9))]


def scheduler(at: Ground, rounds: int, rows: int) -> list[Row]:
    """Start, memory and the next due, with few subscriptions and with many."""
    numbers: dict[str, tuple[list[float], list[float]]] = {
        "start": ([], []),
        "memory": ([], []),
        "next": ([], []),
    }
    with at.postgres(rows) as many, at.postgres(FEW) as few:
        for url, side in [(many, 0), (few, 1)] * (STARTS * rounds):
            took, memory = schedule.start(url)
            numbers["start"][side].append(took)
            numbers["memory"][side].append(memory)
            numbers["next"][side].append(schedule.next_due(url))
    beside = f"{FEW:,}"
    grown = [more - less for more, less in zip(*numbers["memory"], strict=True)]
    return [
        compared(
            f"scheduler start, {rows:,}",
            *_beside(numbers["start"], beside),
            unit="ms",
            goal=at_most(1.1),
        ),
        compared(
            f"next due found, {rows:,}",
            *_beside(numbers["next"], beside),
            unit="µs",
            goal=at_most(2),
        ),
        compared(
            "memory more than that", grown, "1 MB", [1.0] * len(grown), unit="MB", goal=at_most(5)
        ),
    ]


def latencies(at: Ground, rounds: int, rows: int) -> list[Row]:
    """Charges beside a mass reset, and alone."""
    return [
        _latency("PostgreSQL", at.postgres, rounds, rows),
        _latency("SQLite", at.sqlite, rounds, rows),
    ]


def _latency(
    name: str, filled: Callable[[int], AbstractContextManager[str]], rounds: int, rows: int
) -> Row:
    quiet, beside = [], []
    for _ in range(rounds):
        with filled(rows) as url:
            quiet.append(latency.idle(url, rows).percentile(0.99))
            tally, lasted = latency.beside_resets(url, rows)
            beside.append(tally.percentile(0.99))
            print("" if lasted else "The resets ended before the charges: give more --rows.")
    what = f"charge p99 beside resets, {name}"
    return compared(what, beside, "idle", quiet, unit="ms", goal=at_most(3))


def console_lists(at: Ground, _rounds: int, rows: int) -> list[Row]:
    """Pages of the console with many subscriptions, beside the same pages with few."""
    return [
        row
        for name, filled in (("PostgreSQL", at.postgres), ("SQLite", at.sqlite))
        for row in _lists(name, filled, rows)
    ]


def _lists(
    name: str, filled: Callable[[int], AbstractContextManager[str]], rows: int
) -> Iterator[Row]:
    with (
        filled(rows) as many,
        filled(FEW) as few,
        lists.console(many) as large,
        lists.console(few) as small,
    ):
        for page in lists.PAGES:
            took = [lists.milliseconds(browser, page) for browser in (large, small)]
            yield compared(
                f"{page}, {rows:,}, {name}",
                took[:1],
                f"{FEW:,}",
                took[1:],
                unit="ms",
                goal=at_most(2),
            )


FAMILIES: dict[str, Callable[[Ground, int, int], list[Row]]] = {
    "charges": charges_on_postgres,
    "charges-sqlite": charges_on_sqlite,
    "mass": mass_resets,
    "mass-two": two_schedulers,
    "scheduler": scheduler,
    "latency": latencies,
    "lists": console_lists,
}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="subscriptions (1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; medians are taken (3)")
    parser.add_argument("--only", choices=list(FAMILIES), action="append", help="this family")
    given = parser.parse_args()
    with ground() as at:
        for name in given.only or FAMILIES:
            rows = FAMILIES[name](at, given.rounds, given.rows)
            for row in rows:
                print(f"{row.what}: {row.ours:,.1f} {row.unit}, {row.ratio:.2f} ({row.goal})")
            results.write(rows, rounds=given.rounds, people=given.rows)


def _crew(step: crew.MakeStep, url: str, processes: int, threads: int) -> float:
    tally = crew.run(step, url, CHARGED, processes=processes, threads=threads, seconds=SECONDS)
    return tally.a_second


def _beside(
    measured: tuple[list[float], list[float]], beside: str
) -> tuple[list[float], str, list[float]]:
    return measured[0], beside, measured[1]


if __name__ == "__main__":
    main()
