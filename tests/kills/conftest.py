"""What the tests of this folder share: a warm interpreter to fork from, a server to kill."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sketchmaker import schema
from sketchmaker.database import Database
from tests.kills.own_postgres import OwnPostgres
from tests.kills.processes import Zygote


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    """Forks processes; none of them outlives the test."""
    made = Zygote(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _own_server() -> Iterator[OwnPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="sketchmaker-kills-"))
    folder.chmod(0o711)  # PostgreSQL's own user must get through to its data
    made = OwnPostgres(folder)
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_postgres(_own_server: OwnPostgres) -> OwnPostgres:
    """A durable PostgreSQL that no other process uses, running, with a new migrated database."""
    _own_server.add_database()
    database = Database(_own_server.url)
    schema.upgrade(database)
    database.close()
    return _own_server
