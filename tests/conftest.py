"""Fixtures of all tests: fresh real databases, a clock that moves when told to, a browser."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.support import chromium
from tests.support.databases import Databases

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

_run = pytest.StashKey[Databases]()
_facts = pytest.StashKey[dict[str, str]]()


MEMORY = Path("/dev/shm")
ENOUGH_MEMORY_BYTES = 4 * 2**30

# What `--fast` leaves to the whole run: real processes, real browsers, races, and all that is slow.
SLOW_MARKS = {"slow", "race", "browser"}
SLOW_FOLDERS = {"browser", "commands", "delivery", "kills", "simulation", "upgrades"}
# Pages speak to a database only through verbs, whose own tests run on both; and what is refused by
# name, or told by accounts and the record, hardly depends on which one it is.
ON_SQLITE_WHEN_FAST = {"accounts", "limits", "record", "web"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fast`: what is worth running before every commit."""
    parser.addoption("--fast", action="store_true", help="leave out what takes long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is slow when only the fast tests were asked for."""
    if not config.getoption("fast"):
        return
    slow = [item for item in items if _is_slow(item)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not _is_slow(item)]


def _is_slow(item: pytest.Item) -> bool:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder in SLOW_FOLDERS or any(mark.name in SLOW_MARKS for mark in item.iter_markers()):
        return True
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return folder in ON_SQLITE_WHEN_FAST and parameters.get("database_url") == "postgres"


def pytest_configure(config: pytest.Config) -> None:
    """The process that begins the run makes its folder; xdist's workers are told where it is."""
    facts: dict[str, str] | None = getattr(config, "workerinput", {}).get("sketchmaker")
    if facts is None:
        facts = {
            "folder": _run_folder(),
            "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
        }
        # Nothing of the developer's own set-up may reach the tests.
        for name in [name for name in os.environ if name.startswith("SKETCHMAKER_")]:
            del os.environ[name]
        os.environ.pop("DATABASE_URL", None)
    config.stash[_facts] = facts
    config.stash[_run] = Databases(Path(facts["folder"]), facts)
    # Nearly every web test makes an application of its own: they share the compiled templates.
    templates = Path(facts["folder"]) / "templates"
    templates.mkdir(exist_ok=True)
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(templates))}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist starts a worker: hand it the run's folder."""
    node.workerinput["sketchmaker"] = node.config.stash[_facts]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the run ends what it started."""
    if not hasattr(config, "workerinput"):
        config.stash[_run].stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what long tests did: the values that they recorded as the property "did"."""
    for report in terminalreporter.getreports("passed"):
        for name, what in report.user_properties:
            if name == "did":
                terminalreporter.write_line(f"{report.nodeid}: {what}")


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    """The maker of databases, for tests that need several or empty ones."""
    return pytestconfig.stash[_run]


@pytest.fixture
def sqlite_url(databases: Databases, tmp_path: Path) -> str:
    """A migrated SQLite file."""
    return databases.sqlite(tmp_path)


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """A migrated PostgreSQL database."""
    with databases.postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database: the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database of `database_url`, open."""
    yield from _opened(database_url)


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """For what only SQLite does."""
    yield from _opened(sqlite_url)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """For what only PostgreSQL does."""
    yield from _opened(postgres_url)


@pytest.fixture
def clock() -> ManualClock:
    """A clock standing at noon on the 15th of January 2026, UTC."""
    return ManualClock(START)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Playwright starts the system's Chromium."""
    return {**browser_type_launch_args, **chromium.launch_options()}


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def _run_folder() -> str:
    """The folder of all that the run makes, in memory where that is plenty.

    Databases sync as they do in earnest. No test is about a power cut, so they need not wait for a
    disk, which takes most of the time to make a database.
    """
    in_memory = "TMPDIR" not in os.environ and _free_bytes(MEMORY) > ENOUGH_MEMORY_BYTES
    folder = tempfile.mkdtemp(prefix="sketchmaker-tests-", dir=MEMORY if in_memory else None)
    if in_memory:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
    # PostgreSQL's own user must get through to its data.
    Path(folder).chmod(0o711)
    return folder


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free if folder.is_dir() else 0
