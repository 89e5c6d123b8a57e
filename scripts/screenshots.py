"""Take the README's pictures: a studio with sample data on a scratch folder, in a real Chromium.

    python -m scripts.screenshots [FOLDER]

Without FOLDER they go to docs/screenshots/, as WebP.
"""

import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sketchmaker import schema
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.support import chromium
from tests.support.sample_data import ADMIN, OWNER, fill
from tests.support.web_system import PASSWORD, composed, served

NOW: Final = datetime(2026, 12, 8, 14, 3, tzinfo=UTC)
DESKTOP: Final = (1280, 860)
PHONE: Final = (390, 844)

# name, who, path, window, theme
SHOTS: Final = (
    ("studio", OWNER, "/studio", DESKTOP, "light"),
    ("dashboard", OWNER, "/dashboard", DESKTOP, "light"),
    ("gallery", OWNER, "/gallery", DESKTOP, "light"),
    ("admin", ADMIN, "/admin/subscriptions/", DESKTOP, "light"),
    ("dashboard-dark", OWNER, "/dashboard", DESKTOP, "dark"),
    ("dashboard-phone", OWNER, "/dashboard", PHONE, "light"),
)


def main(target: Path) -> None:
    """Fill, serve, look."""
    target.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(served(_system(folder), with_scheduler=False))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(**chromium.launch_options())
        for name, person, path, window, theme in SHOTS:
            page = _signed_in(browser, address, person, window, theme)
            page.goto(address + path, wait_until="networkidle")
            if name == "studio":
                _draw_something(page)
            _keep(page, target / f"{name}.webp")
            page.context.close()


def _system(folder: Path) -> System:
    url = f"sqlite:///{folder / 'sample.db'}"
    database = Database(url)
    schema.upgrade(database)
    database.close()
    fill(url, folder, now=NOW)
    return composed(url, folder, ManualClock(NOW))


def _signed_in(
    browser: Browser, address: str, person: str, window: tuple[int, int], theme: str
) -> Page:
    width, height = window
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=1.5,
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(f"{address}/login")
    page.get_by_label("Username or e-mail").fill(person)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studio")
    return page


def _draw_something(page: Page) -> None:
    page.get_by_label("Describe your image").fill("A calm sea at dusk, one small sail")
    page.get_by_label("2 images", exact=True).check()
    page.get_by_role("button", name="Generate").click()
    page.locator(".job:first-child", has_text="A calm sea").locator("img").nth(1).wait_for()
    page.locator("#generate:not([data-busy])").wait_for()
    page.wait_for_load_state("networkidle")


def _keep(page: Page, file: Path) -> None:
    picture = Image.open(BytesIO(page.screenshot()))
    picture.convert("RGB").save(file, "WEBP", quality=82, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/screenshots"))
