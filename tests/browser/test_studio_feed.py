"""The promise of the button, and a feed that loses nothing: what people do to a studio."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from sqlalchemy import select

from sketchmaker.accounts import directory, sessions
from sketchmaker.bootstrap import System
from sketchmaker.studio.tables import Generation
from tests.browser import steps
from tests.browser.conftest import PHONE
from tests.support.web_system import PASSWORD, composed, enrolled, served

pytestmark = pytest.mark.browser

NAME = "ada"
CONNECTION_LOST = "Connection lost."


@pytest.fixture
def system(sqlite_url: str, tmp_path: Path) -> System:
    """One database is enough for what happens in a browser."""
    system = composed(sqlite_url, tmp_path / "data")
    enrolled(system, NAME)
    return system


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system, with_scheduler=False) as address:
        yield address


@pytest.fixture
def page(address: str, new_page: Callable[..., Page]) -> Page:
    """Ada at her studio."""
    page = new_page()
    steps.sign_in(page, address, NAME)
    return page


@pytest.fixture
def nobody_works(address: str, system: System) -> None:
    """Orders wait until the test has them drawn."""
    assert address
    system.studio_worker.shutdown()


def draw(system: System, order: Generation) -> None:
    """Have an order drawn that waits."""
    system.studio_worker.run(order.id)


def another_tab(page: Page, address: str) -> Page:
    tab = page.context.new_page()
    tab.goto(f"{address}/studio")
    return tab


def orders(system: System) -> list[Generation]:
    with system.database.reading() as session:
        return list(session.scalars(select(Generation).order_by(Generation.id)))


def slow_down(context: BrowserContext, milliseconds: int) -> None:
    """Answers to orders take that long."""

    def late(route: Route) -> None:
        answer = route.fetch()
        context.pages[0].wait_for_timeout(milliseconds)
        route.fulfill(response=answer)

    context.route("**/studio/generations", late)


def come_back(page: Page) -> None:
    """The person looks at this tab again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


# --- one click, one order


@pytest.mark.usefixtures("nobody_works")
def test_two_clicks_and_three_key_strokes_are_one_order_each(page: Page, system: System) -> None:
    steps.describe(page, "A calm sea")
    button = steps.generate_button(page)
    button.click()
    page.wait_for_timeout(180)
    button.click(force=True)
    expect(steps.cards(page)).to_have_count(1)
    expect(button).to_be_enabled()
    page.get_by_label("Describe your image").fill("Another sea")
    page.get_by_label("Describe your image").focus()
    for _ in range(3):
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(120)
    expect(steps.cards(page)).to_have_count(2)
    expect(button).to_be_enabled()
    assert len(orders(system)) == 2
    steps.expect_balance(page, 8)


@pytest.mark.usefixtures("nobody_works")
def test_the_same_form_is_a_new_order_only_when_the_last_one_has_ended(
    page: Page, system: System
) -> None:
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(1)
    steps.generate(page)
    expect(page.get_by_text("This is already in progress.")).to_be_visible()
    assert len(orders(system)) == 1
    page.wait_for_timeout(2000)  # within two seconds it would be a double click all the same
    draw(system, orders(system)[0])
    expect(steps.images(page)).to_have_count(1)
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(2)


def test_the_click_is_answered_at_once_on_a_slow_line(page: Page) -> None:
    slow_down(page.context, 1500)
    steps.describe(page, "A calm sea")
    steps.generate(page)
    button = steps.generate_button(page)
    assert button.inner_text().strip() == "Starting…"
    expect(button).to_be_disabled()
    expect(button).to_be_focused()
    expect(steps.cards(page)).to_have_count(1)
    expect(button).to_be_enabled()
    expect(button).to_contain_text("Generate")


# --- lost connections


def test_offline_it_says_that_nothing_was_sent(page: Page, system: System) -> None:
    steps.describe(page, "A calm sea")
    page.context.set_offline(True)
    steps.generate(page)
    expect(page.get_by_text("You're offline. Nothing was sent or charged.")).to_be_visible()
    page.context.set_offline(False)
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(1)
    expect(page.get_by_text("You're offline.")).to_be_hidden()
    assert len(orders(system)) == 1


@pytest.mark.usefixtures("nobody_works")
def test_an_order_whose_answer_is_lost_is_one_order_also_after_a_reload(
    page: Page, system: System
) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/studio/generations", lose_the_answer, times=1)
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(page.get_by_text(CONNECTION_LOST)).to_be_visible()
    expect(page.get_by_text("it is never charged twice")).to_be_visible()
    page.reload()
    steps.generate(page)
    expect(page.get_by_text("This is already in progress.")).to_be_visible()
    assert len(orders(system)) == 1


@pytest.mark.usefixtures("nobody_works")
def test_a_lost_poll_says_that_work_goes_on_and_recovers(page: Page, system: System) -> None:
    steps.describe(page, "A calm sea", count=4)
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(1)
    page.context.set_offline(True)
    expect(page.get_by_text("Still generating. Reconnecting…")).to_be_visible()
    expect(page.get_by_text("Try again")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.get_by_text("In the queue")).to_be_visible()
    draw(system, orders(system)[0])
    expect(steps.images(page)).to_have_count(4)
    expect(page.get_by_text("Still generating.")).to_have_count(0)
    assert len(orders(system)) == 1


# --- nothing running is out of sight


@pytest.mark.usefixtures("nobody_works")
def test_running_work_is_there_after_a_reload_and_a_second_order_hides_no_first(
    page: Page, address: str, system: System
) -> None:
    steps.describe(page, "First")
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(1)
    steps.describe(page, "Second")
    steps.generate(page)
    expect(steps.cards(page)).to_have_count(2)
    page.reload()
    expect(steps.cards(page)).to_have_count(2)
    expect(page.get_by_label("Describe your image")).to_have_value("Second")
    page.goto(f"{address}/gallery")
    expect(page.get_by_role("link", name="2 generations in progress")).to_be_visible()
    draw(system, orders(system)[0])
    page.get_by_role("link", name="1 generation in progress").click()
    expect(steps.cards(page).nth(0)).to_contain_text("Second")
    expect(steps.images(page)).to_have_count(1)
    page.goto(f"{address}/gallery")
    draw(system, orders(system)[1])
    expect(page.locator("#work")).to_be_hidden()


def test_back_from_an_image_finds_the_feed_and_the_words(page: Page) -> None:
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    page.locator(".picture-open").click()
    page.get_by_role("link", name="Make another like this").wait_for()
    page.go_back()
    expect(steps.images(page)).to_have_count(1)
    expect(page.get_by_label("Describe your image")).to_have_value("A calm sea")
    expect(page.locator("#prompt-count")).to_have_text("10 of 1,000")


@pytest.mark.usefixtures("nobody_works")
def test_work_that_is_done_leaves_the_button_as_the_form_needs_it(
    page: Page, system: System
) -> None:
    steps.spend(system, NAME, 4)
    page.reload()
    steps.describe(page, "A calm sea", count=4)
    steps.generate(page)
    steps.expect_balance(page, 2)
    page.get_by_label(re.compile("^2 images")).check()
    draw(system, orders(system)[0])
    expect(steps.images(page)).to_have_count(4)
    expect(page.get_by_text("Uses 2 credits. You have 2.")).to_be_visible()
    expect(steps.generate_button(page)).to_be_enabled()


@pytest.mark.usefixtures("nobody_works")
def test_a_fifth_order_is_refused_with_words_and_no_card_is_lost(page: Page) -> None:
    for number in range(4):
        steps.describe(page, f"Sea {number}")
        steps.generate(page)
        expect(steps.cards(page)).to_have_count(number + 1)
    steps.describe(page, "One too many")
    steps.generate(page)
    expect(page.locator("#notice")).to_contain_text("Wait for one to finish.")
    expect(steps.cards(page)).to_have_count(4)


@pytest.mark.usefixtures("nobody_works")
def test_waiting_work_can_be_cancelled_and_the_focus_stays_in_its_card(page: Page) -> None:
    for number in range(2):
        steps.describe(page, f"Sea {number}")
        steps.generate(page)
        expect(steps.cards(page)).to_have_count(number + 1)
    expect(page.get_by_text("In the queue: 1 ahead")).to_be_visible()
    steps.cards(page).first.get_by_role("button", name="Cancel").press("Enter")
    expect(page.get_by_text("Cancelled. You weren't charged.")).to_be_visible()
    expect(steps.cards(page).first).to_be_focused()
    steps.expect_balance(page, 9)


# --- several tabs


@pytest.mark.usefixtures("nobody_works")
def test_what_one_tab_spends_the_other_knows(page: Page, address: str) -> None:
    other = another_tab(page, address)
    steps.describe(page, "A calm sea", count=4)
    steps.generate(page)
    steps.expect_balance(other, 6)
    expect(steps.cards(other)).to_have_count(1)
    expect(other.get_by_text("You have 6.")).to_be_visible()


def test_a_refusal_brings_the_true_balance(page: Page, address: str, system: System) -> None:
    steps.describe(page, "A calm sea")
    steps.spend(system, NAME, 10)
    steps.generate(page)
    expect(page.locator("#notice")).to_contain_text("Not enough credits")
    steps.expect_balance(page, 0)
    expect(page.locator("#cost-line")).to_contain_text("You're out of credits.")
    expect(steps.generate_button(page)).to_be_disabled()


def test_looking_at_a_tab_again_brings_it_up_to_date(
    page: Page, address: str, system: System
) -> None:
    page.goto(f"{address}/dashboard")
    steps.spend(system, NAME, 3)
    come_back(page)
    steps.expect_balance(page, 7)


def test_signed_out_and_in_again_elsewhere_the_order_still_goes_through_once(
    page: Page, address: str, system: System
) -> None:
    steps.describe(page, "A calm sea")
    other = another_tab(page, address)
    other.get_by_role("button", name="Account").click()
    other.get_by_role("button", name="Sign out").click()
    steps.sign_in(other, address, NAME)
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    assert len(orders(system)) == 1


def test_signed_out_elsewhere_the_words_are_kept_over_signing_in(
    page: Page, address: str, system: System
) -> None:
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").fill("77")
    page.get_by_label("Landscape").check()
    steps.describe(page, "A long prompt about a calm sea", count=3)
    page.wait_for_load_state("networkidle")  # asking for the cost would meet the sign-in page first
    now = system.clock.now()
    with system.database.transaction() as session:
        user = directory.find_by_login(session, NAME)
        assert user
        for opened in sessions.list_open(session, user.id, now=now):
            sessions.revoke(session, user_id=user.id, session_id=opened.id, now=now)
    steps.generate(page)
    page.wait_for_url(re.compile("/login"))
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studio")
    expect(page.get_by_label("Describe your image")).to_have_value("A long prompt about a calm sea")
    expect(page.get_by_label("Landscape")).to_be_checked()
    expect(page.get_by_label(re.compile("^3 images"))).to_be_checked()
    expect(page.get_by_label("Seed")).to_have_value("77")
    assert orders(system) == []


def test_a_tab_follows_to_another_account_and_leaves_the_words_behind(
    page: Page, address: str, system: System
) -> None:
    enrolled(system, "eve")
    steps.describe(page, "A secret sea")
    other = another_tab(page, address)
    other.get_by_role("button", name="Account").click()
    other.get_by_role("button", name="Sign out").click()
    steps.sign_in(other, address, "eve")
    come_back(page)
    expect(page.get_by_role("button", name="Account: eve")).to_be_visible()
    expect(page.get_by_label("Describe your image")).to_have_value("")


def test_signing_out_forgets_the_draft(page: Page, address: str) -> None:
    steps.describe(page, "A secret sea")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    steps.sign_in(page, address, NAME)
    expect(page.get_by_label("Describe your image")).to_have_value("")


# --- the form


def test_a_field_with_a_problem_has_the_focus(page: Page) -> None:
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").fill("minus one")
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(page.get_by_label("Seed")).to_be_focused()
    expect(page.get_by_label("Seed")).to_have_accessible_description(re.compile("whole number"))


def test_too_long_a_text_is_kept_whole_and_refused_with_words(page: Page, system: System) -> None:
    box = page.get_by_label("Describe your image")
    box.fill("sea " * 375)
    expect(box).to_have_value("sea " * 375)
    expect(page.locator("#prompt-count")).to_have_text("1,499 of 1,000")
    expect(page.locator("#prompt-count")).to_have_class(re.compile("is-over"))
    steps.generate(page)
    expect(page.get_by_text("499 characters too long")).to_be_visible()
    expect(box).to_be_focused()
    assert orders(system) == []


def test_the_feed_loads_small_pictures(page: Page) -> None:
    steps.describe(page, "A calm sea", count=2)
    steps.generate(page)
    expect(steps.images(page)).to_have_count(2)
    loaded = page.locator(".picture img").evaluate_all("all => all.map((each) => each.currentSrc)")
    assert [address for address in loaded if not address.endswith("/thumbnail.webp")] == []


def test_varying_leaves_the_seed_out_and_reusing_it_warns_of_the_same_image(page: Page) -> None:
    page.get_by_label("Portrait").check()
    steps.describe(page, "A calm sea")
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    page.get_by_label("Square").check()
    page.locator(".picture").hover()
    page.get_by_role("link", name="Vary image").click()
    expect(page.get_by_label("Portrait")).to_be_checked()
    expect(page.locator("#seed")).to_have_value("")
    page.locator(".picture").hover()
    page.get_by_role("link", name="Reuse seed of image").click()
    expect(page.get_by_label("Seed")).not_to_have_value("")
    steps.generate(page)
    expect(page.get_by_text("You already have this image.")).to_be_visible()
    steps.expect_balance(page, 9)
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_role("heading", name="A calm sea")).to_be_visible()


@pytest.mark.parametrize("window", [(1280, 633), (1366, 657), (1280, 480), (390, 664)])
def test_generate_is_in_view(
    address: str, new_page: Callable[..., Page], window: tuple[int, int]
) -> None:
    page = new_page(window=window)
    steps.sign_in(page, address, NAME)
    box = steps.generate_button(page).bounding_box()
    assert box
    bottom = box["y"] + box["height"]
    if window[0] == PHONE[0]:
        tabs = page.get_by_role("navigation", name="Main").bounding_box()
        assert tabs
        assert bottom <= tabs["y"]
    else:
        assert bottom <= min(520, window[1])


def test_on_a_phone_notices_are_seen_and_download_comes_before_a_long_text(
    address: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(window=PHONE)
    steps.sign_in(page, address, NAME)
    page.get_by_label("Describe your image").fill("A calm sea with islands " * 40)
    steps.generate(page)
    expect(steps.images(page)).to_have_count(1)
    page.context.set_offline(True)
    page.get_by_label("Describe your image").fill("A calm sea")
    page.evaluate("scrollTo(0, 10000)")
    steps.generate(page)
    expect(page.get_by_text("You're offline.")).to_be_in_viewport(ratio=1)
    page.context.set_offline(False)
    page.locator(".picture-open").click()
    download, words = page.get_by_role("link", name="Download"), page.locator(".image-words")
    above, below = download.bounding_box(), words.bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]
