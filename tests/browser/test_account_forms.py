"""What only a real browser shows of the account forms: their scripts, under the strict CSP."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from sketchmaker.accounts.tables import User
from sketchmaker.database import Database
from tests.browser.steps import register
from tests.support.web_system import PASSWORD, composed, served

pytestmark = pytest.mark.browser


@pytest.fixture
def address(sqlite_url: str, tmp_path: Path) -> Iterator[str]:
    with served(composed(sqlite_url, tmp_path), with_scheduler=False) as address:
        yield address


@pytest.mark.browser_context_args(timezone_id="Pacific/Auckland")
def test_a_newcomers_time_zone_is_that_of_their_browser(
    page: Page, address: str, sqlite_database: Database
) -> None:
    page.goto(f"{address}/register")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page).to_have_url(f"{address}/studio")
    with sqlite_database.reading() as session:
        assert session.scalars(select(User.time_zone)).one() == "Pacific/Auckland"


def test_a_typed_password_can_be_looked_at_and_hidden_again(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    password = page.get_by_label("Password", exact=True)
    password.fill(PASSWORD)
    page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")
    expect(password).to_have_value(PASSWORD)
    page.get_by_role("button", name="Hide password").click()
    expect(password).to_have_attribute("type", "password")


def test_the_first_wrong_field_has_the_focus(page: Page, address: str) -> None:
    page.goto(f"{address}/register")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("E-mail").fill("nowhere")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    email = page.get_by_label("E-mail")
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description(
        "This e-mail address can't be used: an email address must have an @-sign."
    )


def test_a_password_need_not_be_typed_again_because_another_field_was_wrong(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/register")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("E-mail").fill("nowhere")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    email = page.get_by_label("E-mail")
    expect(email).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    email.fill("ada@example.org")
    page.get_by_role("button", name="Create account").click()
    expect(page).to_have_url(f"{address}/studio")
    expect(page.get_by_text("Welcome, ada.")).to_be_visible()


def test_the_current_password_stays_when_the_new_one_is_refused(page: Page, address: str) -> None:
    register(page, address)
    page.goto(f"{address}/settings")
    page.get_by_label("Current password", exact=True).fill(PASSWORD)
    new = page.get_by_label("New password", exact=True)
    new.fill("short")
    page.get_by_role("button", name="Change password").click()
    expect(new).to_be_focused()
    expect(new).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Current password", exact=True)).to_have_value(PASSWORD)
    new.fill("another-longer-password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()


def test_what_was_done_can_be_put_away_by_keyboard(page: Page, address: str) -> None:
    register(page, address)
    said = page.get_by_text("Welcome, ada.")
    expect(said).to_be_visible()
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(said).to_have_count(0)
    expect(page.locator("#content")).to_be_focused()
