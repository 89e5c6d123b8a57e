"""How many seeds it takes to find each planted bug."""

from dataclasses import dataclass

from tests.simulation.bugs import Bug
from tests.simulation.driver import Driver
from tests.simulation.run import simulate
from tests.simulation.world import PROFILES

MOST_SEEDS = 25
OWN_ERROR = "broke with"
"""What a violation says of an actor that ended with an error that nobody expected."""


@dataclass(frozen=True)
class Hunt:
    """A bug, how many seeds were needed (None: not found), and what gave it away."""

    bug: Bug
    seeds: int | None
    found: str

    def __str__(self) -> str:
        where = f"{self.bug.profile}, {self.bug.database}"
        return f"| {self.bug.name} | {where} | {self.seeds or 'not found'} |"


def hunt(driver: Driver, bug: Bug, *, most: int = MOST_SEEDS) -> Hunt:
    """Run seeds with the bug in the engine until a rule finds it; its own errors don't count."""
    with bug.planted():
        for seed in range(1, most + 1):
            outcome = simulate(driver, seed, PROFILES[bug.profile])
            if outcome.violation is not None and OWN_ERROR not in outcome.violation:
                return Hunt(bug, seed, outcome.violation)
    return Hunt(bug, None, "")
