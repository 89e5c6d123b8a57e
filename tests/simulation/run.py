"""Run a seed to its end or its first violation, and say what it went through."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.simulation.driver import Driver
from tests.simulation.load import Load
from tests.simulation.nodes import Nodes
from tests.simulation.simulation import Simulation
from tests.simulation.sqlite import in_memory
from tests.simulation.world import OutOfSteps, Profile, Violation

YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class Outcome:
    """What a run found and what it went through."""

    seed: int
    profile: str
    database: str
    violation: str | None
    steps: int
    digest: str
    cluster_years: float
    seconds: float
    counted: Counter[str]
    tail: tuple[str, ...]
    near_boundary: float

    @property
    def command(self) -> str:
        """Replays the run, up to the step at which it failed."""
        return (
            f"python -m tests.simulation --seed {self.seed} --profile {self.profile} "
            f"--database {self.database} --until {self.steps + 1}"
        )

    def __str__(self) -> str:
        found = self.violation or "no violation"
        return f"seed {self.seed} ({self.profile}, {self.database}): {found}\n  {self.command}"


def simulate(driver: Driver, seed: int, profile: Profile, *, until: int | None = None) -> Outcome:
    """Run one seed."""
    began = time.perf_counter()
    with TemporaryDirectory(prefix="sketchmaker-simulation-", dir=in_memory()) as folder, _quiet():
        run = Simulation(driver, seed, profile, folder=Path(folder), until=until)
        driver.begin(run.machine, run.faults)
        violation = _lived(run)
    return Outcome(
        seed=seed,
        profile=profile.name,
        database=driver.name,
        violation=violation,
        steps=run.trace.steps,
        digest=run.trace.digest,
        cluster_years=(run.timeline.true - run.start) / YEAR,
        seconds=time.perf_counter() - began,
        counted=run.history.statistics + run.faults.counted,
        tail=tuple(run.trace.lines),
        near_boundary=run.timeline.near_boundary_steps / max(run.timeline.steps, 1),
    )


def _lived(run: Simulation) -> str | None:
    try:
        run.populate()
        nodes = Nodes(run)
        load = Load(run, nodes)
        nodes.begin()
        load.begin()
        run.live(run.end)
        _put_right(run, nodes, load)
    except OutOfSteps:
        return None
    except Violation as violation:
        return str(violation)
    finally:
        run.machine.close()
    return None


def _put_right(run: Simulation, nodes: Nodes, load: Load) -> None:
    """All faults end: what is unknown is asked again, what is due gets done."""
    run.heal()
    load.settle_the_unknown()
    run.live(run.timeline.true + timedelta(minutes=1))
    load.nothing_may_be_unknown()
    run.timeline.advance_to(run.timeline.furthest)
    nodes.finish()
    load.studio.finish()
    run.live(run.timeline.true + timedelta(minutes=5))
    run.oracle.check_everything(run.timeline.true - timedelta(minutes=4))
    load.studio.everything_has_ended()


@contextmanager
def _quiet() -> Iterator[None]:
    """The engine logs every fault that it lives through; here they are made on purpose."""
    logger = logging.getLogger("sketchmaker")
    before = logger.disabled, logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.disabled, logger.level = before
