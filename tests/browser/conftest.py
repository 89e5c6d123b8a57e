"""A real Chromium on the real product, served on a free port."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from sketchmaker.bootstrap import System
from tests.support.web_system import composed, served

DESKTOP, PHONE = (1280, 860), (390, 844)
# Chromium notes every answer that is an error, and htmx every one that never came; the tests of
# those expect them.
EXPECTED_NOISE = ("Failed to load resource", "htmx:error: Failed to fetch")
PATIENCE_MILLISECONDS = 20_000

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@pytest.fixture
def system(database_url: str, tmp_path: Path) -> System:
    """A product on each database, with the real clock."""
    return composed(database_url, tmp_path / "data")


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system) as address:
        yield address


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page in a browser of its own: `new_page(theme="dark", window=PHONE)`.

    Whatever a script or the security policy complains about fails the test.
    """
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        is_expected = any(noise in message.text for noise in EXPECTED_NOISE)
        if message.type in {"error", "warning"} and not is_expected:
            complaints.append(message.text)

    with ExitStack() as stack:

        def make(*, theme: str = "light", window: tuple[int, int] = DESKTOP, **more: Any) -> Page:
            context: BrowserContext = browser.new_context(
                viewport={"width": window[0], "height": window[1]},
                color_scheme="dark" if theme == "dark" else "light",
                reduced_motion="reduce",
                **more,
            )
            context.set_default_timeout(PATIENCE_MILLISECONDS)
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", note)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            return page

        yield make
    assert complaints == []
