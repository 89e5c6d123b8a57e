"""The whole application on a real database, and browsers that use it as people do."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from sketchmaker import bootstrap
from sketchmaker.clock import ManualClock
from tests.support.web_system import composed
from tests.web.accounts.browser import Browser


@pytest.fixture
def app(database_url: str, clock: ManualClock, tmp_path: Path) -> Iterator[Flask]:
    system = composed(database_url, tmp_path, clock)
    yield bootstrap.create_app(system)
    system.database.close()


@pytest.fixture
def new_browser(app: Flask) -> Callable[[], Browser]:
    return lambda: Browser(app)


@pytest.fixture
def visitor(app: Flask) -> Browser:
    return Browser(app)
