"""The main journeys, in a real browser on SQLite and on PostgreSQL."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from sketchmaker.accounts import directory
from sketchmaker.bootstrap import System
from sketchmaker.credits.charges import charge
from tests.browser import steps
from tests.support.people import assert_books_close

pytestmark = pytest.mark.browser


def spend(system: System, name: str, credits: int) -> None:
    with system.database.transaction() as session:
        user = directory.find_by_login(session, name)
        assert user
        charge(session, user_id=user.id, credits=credits, action="images", now=system.clock.now())


def _lose_the_answer(route: Route) -> None:
    """The request reaches the studio, its answer does not reach the browser."""
    route.fetch()
    route.abort()


def test_a_newcomer_makes_images_and_sees_the_credits_go(
    address: str, system: System, new_page: Callable[..., Page]
) -> None:
    page = new_page(timezone_id="Europe/Berlin")
    page.goto(address)
    page.get_by_role("link", name="Start with 10 free credits").click()
    steps.register(page, address)
    steps.expect_balance(page, 10)
    page.evaluate("window.neverReloaded = true")

    steps.describe(page, "A calm sea at dusk", count=2)
    expect(page.get_by_text("Costs 2 credits if both images succeed; you have 10.")).to_be_visible()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(2)
    steps.expect_balance(page, 8)
    expect(page.get_by_text("2 credits used")).to_be_visible()
    expect(page.locator("#recent-images img")).to_have_count(2)
    expect(page.get_by_text("you have 8.")).to_be_visible()
    assert page.evaluate("window.neverReloaded === true")
    for position in range(2):
        expect(steps.images(page).nth(position)).to_have_js_property("naturalWidth", 1024)

    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator("#credits-remaining")).to_have_text("8")
    expect(page.get_by_text("2 images: 2 credits.")).to_be_visible()
    expect(page.get_by_text("Europe/Berlin")).to_be_visible()
    expect(page.get_by_text(re.compile("You joined on the .*, so your credits"))).to_be_visible()
    assert_books_close(system.database)


def test_a_double_click_charges_once(
    address: str, system: System, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "A calm sea")
    page.get_by_role("button", name="Generate").dblclick()
    expect(steps.images(page)).to_have_count(1)
    steps.expect_balance(page, 9)
    page.goto(f"{address}/dashboard")
    expect(page.locator("#credits-remaining")).to_have_text("9")
    assert_books_close(system.database)


def test_a_sending_without_answer_is_repeated_and_charged_once(
    address: str, new_page: Callable[..., Page], system: System
) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "A calm sea")
    page.route("**/studio/generations", _lose_the_answer, times=1)
    steps.generate(page)
    expect(page.get_by_text("The studio did not answer.")).to_be_visible()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    expect(page.get_by_text("The studio did not answer.")).to_be_hidden()
    steps.expect_balance(page, 9)
    assert_books_close(system.database)


def test_a_failure_says_why_and_costs_nothing(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "sandbox:fail A calm sea")
    steps.generate(page)
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    expect(page.get_by_text("Nothing was charged.")).to_be_visible()
    steps.expect_balance(page, 10)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_label("What should be drawn?")).to_have_value("sandbox:fail A calm sea")


def test_without_credits_the_studio_says_whom_to_ask_and_when_they_come_back(
    address: str, system: System, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.register(page, address)
    spend(system, "ada", 9)
    page.reload()
    steps.describe(page, "A calm sea", count=2)
    expect(page.get_by_text("You have 1 credit; choose 1 image.")).to_be_visible()
    expect(page.get_by_role("button", name="Generate")).to_be_disabled()
    steps.describe(page, "A calm sea", count=1)
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Generate")).to_be_disabled()
    expect(page.locator("#cost-line")).to_contain_text("Contact admin to upgrade your plan.")
    expect(page.locator("#cost-line")).to_contain_text("Your 10 credits come back on")
    steps.expect_balance(page, 0)


def test_everything_can_be_done_with_the_keyboard(
    address: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.register(page, address)
    page.goto(f"{address}/studio")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    press("Enter")
    expect(page.locator("main")).to_be_focused()
    press("Tab")
    expect(page.get_by_label("What should be drawn?")).to_be_focused()
    page.keyboard.type("A calm sea")
    press("Tab")
    press("ArrowRight")
    expect(page.get_by_label("Portrait")).to_be_checked()
    press("Tab")
    press("ArrowRight")
    expect(page.get_by_text("you have 10.")).to_contain_text("both images")
    press("Tab")  # More
    press("Tab")
    expect(page.get_by_role("button", name="Generate")).to_be_focused()
    press("Enter")
    expect(steps.images(page)).to_have_count(2)
    steps.expect_balance(page, 8)

    page.get_by_role("button", name="Account: ada").focus()
    press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    press("Enter")
    press("Tab")
    press("Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    press("Enter")
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_it_all_works_without_scripts(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    steps.register(page, address)
    steps.describe(page, "sandbox:slow A calm sea")
    steps.generate(page)
    expect(page.get_by_role("heading", name="Drawing", exact=True)).to_be_visible()
    # The page reloads itself until the image is there.
    expect(steps.images(page)).to_have_count(1)
    steps.expect_balance(page, 9)


def test_progress_is_shown_while_images_are_drawn(
    address: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "sandbox:slow A calm sea", count=4)
    steps.generate(page)
    expect(page.get_by_role("heading", name=re.compile("Drawing 4 images"))).to_be_visible()
    steps.expect_balance(page, 6)
    expect(page.get_by_role("heading", name=re.compile("[1-3] done"))).to_be_visible()
    expect(page.get_by_role("progressbar", name="Images drawn")).to_have_attribute("max", "4")
    expect(steps.images(page)).to_have_count(4)
    expect(page.locator("#result")).to_have_attribute("aria-live", "polite")


def test_the_theme_goes_by_the_system_until_one_is_chosen_and_can_go_back(
    address: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(theme="dark")
    page.goto(address)
    root, toggle = page.locator("html"), page.get_by_role("button", name="Theme:")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    other_tab = page.context.new_page()
    other_tab.goto(address)
    toggle.click()
    expect(toggle).to_have_accessible_name("Theme: light. Switch to dark")
    for tab in (page, other_tab):
        expect(tab.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")
    toggle.click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    toggle.click()
    expect(toggle).to_have_accessible_name("Theme: system. Switch to light")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_an_image_is_kept_repeated_and_deleted(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.get_by_role("link", name="A calm sea").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"sketchmaker-\d+\.png", download.value.suggested_filename)
    page.get_by_role("link", name="Make another like this").click()
    expect(page.get_by_label("What should be drawn?")).to_have_value("A calm sea")
    expect(page.get_by_label("Seed")).not_to_have_value("")
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.get_by_role("link", name="A calm sea").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("The image was deleted.")).to_be_visible()
    expect(page.get_by_text("No images yet")).to_be_visible()
