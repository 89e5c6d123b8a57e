"""Every page, in light and dark, wide and narrow: no barrier, no complaint, nothing cut off."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import ManualClock
from tests.browser import steps
from tests.browser.conftest import DESKTOP, PHONE
from tests.support import sample_data
from tests.support.addresses import pages
from tests.support.databases import Databases
from tests.support.web_system import composed, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOW = datetime(2026, 12, 8, 14, 3, tzinfo=UTC)
different = count(1)
WITHOUT_CREDITS, WITHOUT_IMAGES = "leila", "oskar"

# What other addresses show besides: pages with an argument, and pages that found nothing.
NOWHERE, EXAMPLE, NOBODY = "/nowhere", "/studio?example=1", "?q=nobody-at-all"


@dataclass(frozen=True)
class Studio:
    """A product that is served, and its pages by the role that they ask for."""

    address: str
    pages: Mapping[Role | None, list[str]]


@pytest.fixture(scope="module")
def busy_studio(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A product with people, images and a past."""
    folder = tmp_path_factory.mktemp("busy")
    url = databases.sqlite(folder)
    sample_data.fill(url, folder, now=NOW, generations=3)
    system = composed(url, folder, ManualClock(NOW))
    app = bootstrap.create_app(system)
    with served(system, with_scheduler=False) as address:
        yield Studio(address, {role: pages(app, role) for role in (None, *Role)})


def every_page(page: Page, studio: Studio) -> Iterator[str]:
    """Lead the page through all of the product; stops at each view."""
    address, of = studio.address, studio.pages
    yield from _visit(page, address, [*of[None], NOWHERE])
    console = [*of[Role.ADMIN], *of[Role.SUPERADMIN]]
    for name, paths in (
        (sample_data.OWNER, [*of[Role.USER], *of[None], EXAMPLE]),
        (WITHOUT_CREDITS, ["/studio", "/dashboard", "/admin/"]),
        (WITHOUT_IMAGES, ["/gallery", "/studio"]),
        (sample_data.ADMIN, [*console, *(path + NOBODY for path in console)]),
    ):
        steps.sign_in(page, address, name)
        yield from _visit(page, address, paths)
        if name == sample_data.OWNER:
            yield from _use_the_studio(page, address)
        if name == sample_data.ADMIN:
            yield from _look_after_somebody(page, address)
        page.context.clear_cookies()


def _visit(page: Page, address: str, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        page.goto(address + path)
        yield path


def _look_after_somebody(page: Page, address: str) -> Iterator[str]:
    page.goto(f"{address}/admin/subscriptions/")
    page.get_by_role("link", name=sample_data.OWNER, exact=True).click()
    person = page.url
    for form in ("", "/credits", "/plan", "/resets", "/account"):
        page.goto(person + form)
        yield f"a person's page{form}"
    page.goto(f"{person}/credits")
    page.get_by_label("Credits to take back").fill("many")
    page.locator("#take-reason").fill("A test.")
    page.get_by_role("button", name="Preview").last.click()
    yield "an act that can't be done"
    page.get_by_label("Credits to take back").fill("1")
    page.get_by_role("button", name="Preview").last.click()
    yield "an act that is previewed"


def _use_the_studio(page: Page, address: str) -> Iterator[str]:
    page.get_by_role("button", name="Account").click()
    yield "the account menu"
    page.goto(f"{address}/gallery")
    page.locator(".thumbs a").first.click()
    yield "an image"
    page.get_by_role("link", name="Delete").click()
    yield "deleting an image"
    page.goto(f"{address}/dashboard")
    page.get_by_text("Show as a table").click()
    yield "the chart as a table"
    page.goto(f"{address}/studio")
    steps.describe(page, "x")
    steps.generate(page)
    expect(page.get_by_role("alert")).to_be_visible()
    yield "a form with a problem"
    for prompt in ("A calm sea", "sandbox:fail", "sandbox:partial"):
        page.goto(f"{address}/studio")
        # The clock stands still: the same words again would be a double click.
        words = f"{prompt} {next(different)}"
        steps.describe(page, words, count=2)
        steps.generate(page)
        expect(page.locator(".job").first).to_contain_text(words)
        expect(page.locator("[data-look=queued], [data-look=running]")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        yield f"after {prompt}"


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(
    busy_studio: Studio, new_page: Callable[..., Page], theme: str, window: tuple[int, int]
) -> None:
    page = new_page(theme=theme, window=window, bypass_csp=True)
    axe, barriers = Axe(), []
    for place in every_page(page, busy_studio):
        found = axe.run(page)
        if found.violations_count:
            barriers.append(f"{place}: {found.generate_report()}")
    assert barriers == []


def test_at_390_pixels_nothing_is_cut_off_and_no_policy_is_broken(
    busy_studio: Studio, new_page: Callable[..., Page]
) -> None:
    page = new_page(window=PHONE)
    too_wide = [
        place for place in every_page(page, busy_studio) if not steps.has_no_sideways_scroll(page)
    ]
    assert too_wide == []


def test_admins_find_people_and_turn_pages(
    busy_studio: Studio, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    steps.sign_in(page, busy_studio.address, sample_data.ADMIN)
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="Subscriptions", exact=True).click()
    expect(page.get_by_text("11 users", exact=True)).to_be_visible()
    page.get_by_label("Search a name, e-mail, number or reset").fill("mara")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("15 December 2026")
    page.get_by_role("link", name="Scheduled jobs").click()
    expect(page.locator("tbody tr").first).to_contain_text("credit_reset_")
    expect(page.get_by_text("Running")).to_be_visible()
