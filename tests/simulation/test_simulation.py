"""The gates: years without a violation, runs that replay, planted bugs that are found."""

import sys
from collections.abc import Iterator

import pytest

from tests.simulation.bugs import Bug, all_bugs
from tests.simulation.driver import Driver
from tests.simulation.hunt import hunt
from tests.simulation.postgres import PostgresDriver
from tests.simulation.run import simulate
from tests.simulation.sqlite import SqliteDriver
from tests.simulation.world import PROFILES
from tests.support.databases import Databases

pytestmark = pytest.mark.slow

SWARM = PROFILES["swarm"]
REPLAYED = (11, 12, 13)
# Slices of seeds: xdist spreads tests, not loops.
SQLITE_SLICES = [range(first, first + 9) for first in range(1000, 1054, 9)]
POSTGRES_SLICES = [range(first, first + 2) for first in range(1000, 1006, 2)]


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Driver]:
    driver = SqliteDriver()
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def postgres(databases: Databases) -> Iterator[Driver]:
    driver = PostgresDriver(databases.server())
    yield driver
    driver.close()


@pytest.mark.parametrize("seeds", SQLITE_SLICES, ids=lambda seeds: f"from-{seeds[0]}")
def test_fifty_four_years_on_sqlite_break_no_rule(sqlite: Driver, seeds: range) -> None:
    assert _years_without_a_violation(sqlite, seeds) >= len(seeds)


@pytest.mark.parametrize("seeds", POSTGRES_SLICES, ids=lambda seeds: f"from-{seeds[0]}")
def test_six_years_on_postgresql_break_no_rule(postgres: Driver, seeds: range) -> None:
    assert _years_without_a_violation(postgres, seeds) >= len(seeds)


@pytest.mark.parametrize("profile", ["clock-back", "clock-forward", "outage", "cuts", "admins"])
def test_a_year_of_one_kind_of_trouble_breaks_no_rule(sqlite: Driver, profile: str) -> None:
    outcome = simulate(sqlite, 7, PROFILES[profile])
    assert outcome.violation is None, str(outcome)


@pytest.mark.parametrize("seed", REPLAYED)
def test_the_same_seed_lives_the_same_year_on_sqlite(sqlite: Driver, seed: int) -> None:
    first, second = (simulate(sqlite, seed, SWARM) for _ in range(2))
    assert (first.digest, first.steps) == (second.digest, second.steps)


@pytest.mark.parametrize("seed", REPLAYED)
def test_the_same_seed_lives_the_same_months_on_postgresql(postgres: Driver, seed: int) -> None:
    first, second = (simulate(postgres, seed, PROFILES["crowd"], until=1500) for _ in range(2))
    assert (first.digest, first.steps) == (second.digest, second.steps)


def test_another_seed_lives_another_year(sqlite: Driver) -> None:
    first, second = (simulate(sqlite, seed, SWARM, until=500) for seed in (1, 2))
    assert first.digest != second.digest


def test_time_is_often_within_a_second_of_a_boundary_with_work_in_flight(sqlite: Driver) -> None:
    assert simulate(sqlite, 3, SWARM).near_boundary > 0.03


@pytest.mark.parametrize("bug", all_bugs(), ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found(bug: Bug, request: pytest.FixtureRequest) -> None:
    driver: Driver = request.getfixturevalue("sqlite" if bug.database == "sqlite" else "postgres")
    found = hunt(driver, bug)
    assert found.seeds is not None, f"No seed finds that {bug.name}."
    assert "broke with" not in found.found, found.found  # a rule must find it, not its own error
    # Shown with -rP; the whole table: python -m tests.simulation --bugs
    sys.stdout.write(f"{found}\n")


def _years_without_a_violation(driver: Driver, seeds: range) -> float:
    outcomes = [simulate(driver, seed, SWARM) for seed in seeds]
    failed = [str(outcome) for outcome in outcomes if outcome.violation is not None]
    assert not failed, "\n".join(failed)
    return sum(outcome.cluster_years for outcome in outcomes)
