"""What people do, as a test tells it."""

import re

from playwright.sync_api import Locator, Page, expect

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
    """Fill in the studio's form."""
    page.get_by_label("What should be drawn?").fill(prompt)
    page.get_by_label(re.compile(rf"^{count} image")).check()


def generate(page: Page) -> None:
    """Press the button."""
    page.get_by_role("button", name="Generate").click()


def images(page: Page) -> Locator:
    """What came of it."""
    return page.locator("#generation .delivered img")


def expect_balance(page: Page, credits: int) -> None:
    """Wait until the header says so."""
    expect(page.locator("#balance .number")).to_have_text(str(credits))


def has_no_sideways_scroll(page: Page) -> bool:
    """Does the page fit the window's width?"""
    fits: bool = page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    return fits
