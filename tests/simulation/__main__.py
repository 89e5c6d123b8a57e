"""`python -m tests.simulation --seed 123 --profile swarm`: run or replay seeds."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulation.bugs import all_bugs
from tests.simulation.driver import Driver
from tests.simulation.hunt import hunt
from tests.simulation.postgres import PostgresDriver
from tests.simulation.run import Outcome, simulate
from tests.simulation.sqlite import SqliteDriver
from tests.simulation.world import PROFILES
from tests.support.postgres import server_for


def say(*lines: object, sep: str = "\n", end: str = "\n") -> None:
    """Tell whoever runs it."""
    sys.stdout.write(sep.join(map(str, lines)) + end)
    sys.stdout.flush()


def main() -> int:
    """Run the seeds; 1 when one of them found a violation."""
    asked = _arguments().parse_args()
    if asked.bugs:
        return _hunt_all()
    seeds = range(asked.seed, asked.seed + asked.seeds)
    years = seconds = 0.0
    failed = 0
    with _driver(asked.database) as driver:
        for seed in seeds:
            outcome = simulate(driver, seed, PROFILES[asked.profile], until=asked.until)
            _tell(outcome, trace=asked.trace)
            years, seconds = years + outcome.cluster_years, seconds + outcome.seconds
            failed += outcome.violation is not None
    say(f"{years:.1f} cluster-years in {seconds:.1f} s, {failed} seeds with a violation")
    return 1 if failed else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from --seed on")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="swarm")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--until", type=int, help="stop at this step")
    parser.add_argument("--bugs", action="store_true", help="find the planted bugs; a table")
    parser.add_argument("--trace", action="store_true", help="print the last steps")
    return parser


def _hunt_all() -> int:
    missed = 0
    say("| planted bug | profile, database | seeds needed |", "|---|---|---|")
    for database in ("sqlite", "postgresql"):
        with _driver(database) as driver:
            for bug in (bug for bug in all_bugs() if bug.database == database):
                found = hunt(driver, bug)
                say(found)
                missed += found.seeds is None
    return 1 if missed else 0


def _tell(outcome: Outcome, *, trace: bool) -> None:
    if trace or outcome.violation:
        say(*outcome.tail, sep="\n")
    say(outcome if outcome.violation else f"seed {outcome.seed}: {outcome.digest}", end=" ")
    say(f"({outcome.steps} steps, {outcome.seconds:.2f} s, {outcome.near_boundary:.1%} near)")


@contextmanager
def _driver(name: str) -> Iterator[Driver]:
    if name == "sqlite":
        driver: Driver = SqliteDriver()
        yield driver
        driver.close()
        return
    with tempfile.TemporaryDirectory(prefix="sketchmaker-simulation-") as folder:
        Path(folder).chmod(0o711)
        own = Path(folder) / "pg"
        own.mkdir()
        server = server_for(os.environ, own)
        driver = PostgresDriver(server)
        try:
            yield driver
        finally:
            driver.close()
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
