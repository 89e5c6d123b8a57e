"""The main journeys, in a real browser on SQLite and on PostgreSQL."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from sketchmaker.bootstrap import System
from tests.browser import steps
from tests.support.people import assert_books_close

pytestmark = pytest.mark.browser


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
    expect(page.get_by_text("Uses 2 credits. You have 10.")).to_be_visible()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(2)
    steps.expect_balance(page, 8)
    expect(steps.cards(page).get_by_text("2 credits ·")).to_be_visible()
    expect(page.get_by_text("You have 8.")).to_be_visible()
    assert page.evaluate("window.neverReloaded === true")
    for position in range(2):
        expect(steps.images(page).nth(position)).to_have_js_property("complete", True)
        expect(steps.images(page).nth(position)).not_to_have_js_property("naturalWidth", 0)

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
    steps.generate_button(page).dblclick(delay=80)
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
    expect(page.get_by_text("Connection lost.")).to_be_visible()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    expect(page.get_by_text("Connection lost.")).to_be_hidden()
    steps.expect_balance(page, 9)
    assert_books_close(system.database)


def test_a_failure_says_why_and_costs_nothing(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    steps.register(page, address)
    steps.describe(page, "sandbox:fail A calm sea")
    steps.generate(page)
    expect(page.get_by_text("Generation failed. You weren't charged.")).to_be_visible()
    steps.expect_balance(page, 10)
    page.get_by_role("button", name="Retry").click()
    expect(steps.cards(page)).to_have_count(2)
    expect(page.get_by_text("Generation failed. You weren't charged.")).to_have_count(2)
    expect(page.get_by_role("button", name="Retry")).to_have_count(1)
    steps.expect_balance(page, 10)


def test_without_credits_the_studio_says_whom_to_ask_and_when_they_come_back(
    address: str, system: System, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.register(page, address)
    steps.spend(system, "ada", 9)
    page.reload()
    steps.describe(page, "A calm sea", count=2)
    expect(page.get_by_text("You have 1 credit left. Choose 1 image.")).to_be_visible()
    expect(steps.generate_button(page)).to_be_disabled()
    steps.describe(page, "A calm sea", count=1)
    expect(steps.generate_button(page)).to_be_enabled()
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    expect(steps.generate_button(page)).to_be_disabled()
    expect(page.locator("#cost-line")).to_contain_text("Contact admin to upgrade your plan.")
    expect(page.locator("#cost-line")).to_contain_text("Your 10 come back on")
    expect(page.locator("#cost-line").get_by_role("link", name="Compare plans")).to_be_visible()
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
    expect(page.get_by_label("Describe your image")).to_be_focused()
    page.keyboard.type("A calm sea")
    press("Tab")
    press("ArrowRight")
    expect(page.get_by_label("Portrait")).to_be_checked()
    press("Tab")
    press("ArrowRight")
    expect(page.get_by_text("You have 10.")).to_contain_text("Uses 2 credits.")
    press("Tab")  # Advanced
    press("Tab")
    expect(steps.generate_button(page)).to_be_focused()
    press("Enter")
    expect(steps.images(page)).to_have_count(2)
    expect(steps.generate_button(page)).to_be_focused()
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
    expect(page.get_by_text(re.compile("In the queue|Generating"))).to_be_visible()
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
    status = steps.cards(page).first.get_by_role("status").first
    steps.expect_balance(page, 6)
    expect(page.locator(".picture.is-empty")).to_have_count(4)
    expect(status).to_have_text(re.compile("Generating: [1-3] of 4 ready"))
    expect(steps.images(page)).to_have_count(4)
    expect(status).to_have_text("4 images ready")
    live = page.locator("#feed").locator("[aria-live], [role=status], [role=alert], [role=log]")
    expect(live).to_have_count(1)
    expect(live).not_to_contain_text("A calm sea")


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
    expect(page.get_by_label("Describe your image")).to_have_value("A calm sea")
    expect(page.get_by_label("Seed")).to_have_value("")
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.get_by_role("link", name="A calm sea").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Image deleted.")).to_be_visible()
    expect(page.get_by_text("No images yet")).to_be_visible()
