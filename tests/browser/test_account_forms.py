"""What only a real browser shows of the account forms: their scripts, under the strict CSP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from sketchmaker.accounts.tables import User
from sketchmaker.database import Database
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
