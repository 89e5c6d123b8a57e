"""The whole application on a real database, with people who use it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.web.accounts.browser import Browser


@pytest.fixture
def system(database_url: str, clock: ManualClock, tmp_path: Path) -> Iterator[System]:
    system = composed(database_url, tmp_path / "data", clock)
    yield system
    system.database.close()


@pytest.fixture
def app(system: System) -> Flask:
    return bootstrap.create_app(system)


@pytest.fixture
def visitor(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def person(system: System, app: Flask) -> Callable[..., Browser]:
    """Somebody with a plan, signed in: `person("ada", plan="pro", role=Role.ADMIN)`."""

    def signed_in(name: str = "ada", **facts: object) -> Browser:
        enrolled(system, name, **facts)  # type: ignore[arg-type]
        browser = Browser(app)
        assert browser.sign_in(name, PASSWORD).status_code == 302
        return browser

    return signed_in


@pytest.fixture
def ada(person: Callable[..., Browser]) -> Browser:
    """A person on the Free plan, in Berlin."""
    return person("ada", time_zone="Europe/Berlin")


@pytest.fixture
def admin(person: Callable[..., Browser]) -> Browser:
    return person("grace", role=Role.ADMIN)
