"""What people do, as a test tells it."""

import re

from playwright.sync_api import Locator, Page, expect

from sketchmaker.accounts import directory
from sketchmaker.bootstrap import System
from sketchmaker.credits.spending.charges import charge
from tests.support.web_system import PASSWORD


def register(page: Page, address: str, name: str = "ada") -> None:
    """Make an account by the form; ends in the studio."""
    page.goto(f"{address}/register")
    page.get_by_label("Username").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/studio")


def sign_in(page: Page, address: str, name: str) -> None:
    """Sign in by the form; ends in the studio."""
    page.goto(f"{address}/login")
    page.get_by_label("Username or e-mail").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studio")


def describe(page: Page, prompt: str, count: int = 1) -> None:
    """Fill in the studio's form. On a phone its options open from a chip."""
    page.get_by_label("Describe your image").fill(prompt)
    chip = page.get_by_role("button", name="Options", expanded=False)
    if chip.is_visible():
        chip.click()
    page.get_by_label(re.compile(rf"^{count} image")).check()


def generate_button(page: Page) -> Locator:
    """The button that orders images."""
    return page.locator("#generate")


def generate(page: Page) -> None:
    """Press the button, once it can be pressed."""
    generate_button(page).click()


def images(page: Page) -> Locator:
    """What came of it."""
    return page.locator(".picture img")


def cards(page: Page) -> Locator:
    """The generations in the feed, newest first."""
    return page.locator(".job")


def expect_balance(page: Page, credits: int) -> None:
    """Wait until the header says so."""
    expect(page.locator("#balance .number")).to_have_text(str(credits))


def has_no_sideways_scroll(page: Page) -> bool:
    """Does the page fit the window's width?"""
    fits: bool = page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    return fits


def spend(system: System, name: str, credits: int) -> None:
    """Have used that many credits elsewhere."""
    with system.database.transaction() as session:
        user = directory.find_by_login(session, name)
        assert user
        charge(session, user_id=user.id, credits=credits, action="images", now=system.clock.now())
