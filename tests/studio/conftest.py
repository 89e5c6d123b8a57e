"""The studio that the tests of this folder share."""

from pathlib import Path

import pytest

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.studio.small_studio import Studio


@pytest.fixture
def studio(database: Database, clock: ManualClock, tmp_path: Path) -> Studio:
    """An empty studio on a fresh database; its clock moves when told to."""
    return Studio(database, clock, tmp_path / "images")
