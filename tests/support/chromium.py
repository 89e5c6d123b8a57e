"""A real Chromium, from the system: Playwright's own can't be fetched everywhere."""

import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Chromium may not look outside: the tests run on closed networks too, and in a container as root.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class NoChromium(Exception):
    """The browser tests have no browser. The text says what to install."""


def find() -> str:
    """The path of the system's Chromium.

    Raises:
        NoChromium: there is none. Browser tests fail then; they never skip.
    """
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise NoChromium("The browser tests need Chromium: apt-get install chromium (make test does).")


def launch_options() -> dict[str, Any]:
    """What Playwright needs to start it."""
    return {"executable_path": find(), "args": FLAGS}
