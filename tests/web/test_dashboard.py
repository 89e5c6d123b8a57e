import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits import resets
from sketchmaker.credits.managing import granting, lifecycle, rescheduling, subscriptions
from sketchmaker.credits.resets import guard
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.studio import offers
from sketchmaker.web.pages import dashboard as dashboard_pages
from tests.support.actors import SOMEBODY
from tests.support.web_system import PASSWORD
from tests.web.accounts.browser import Browser
from tests.web.studio_use import Studio

pytestmark = pytest.mark.slow  # all of them together


def test_it_shows_plan_balance_features_and_the_day_credits_come_back(ada: Browser) -> None:
    page = ada.get("/dashboard").text
    assert "Free plan" in page
    assert 'id="credits-remaining">10<' in page
    assert '<progress class="meter meter-lg" value="10" max="10"' in page
    assert "10 images per month" in page
    assert "15 February 2026, 13:00 Europe/Berlin" in page
    assert 'datetime="2026-02-15T12:00:00Z"' in page
    assert "in 31 days" in page
    assert "You joined on the 15th, so your credits come back on the 15th of every month." in page


def test_who_joined_on_the_31st_is_told_about_short_months(
    person: Callable[..., Browser], clock: ManualClock
) -> None:
    clock.set(datetime(2026, 1, 31, 9, tzinfo=UTC))
    page = person("jan").get("/dashboard").text
    assert "28 February 2026" in page
    assert "on the 31st of every month, or on the last day of a shorter month." in page


def test_the_day_of_the_reset_is_the_readers_day(
    person: Callable[..., Browser], clock: ManualClock
) -> None:
    clock.set(datetime(2026, 1, 15, 23, 30, tzinfo=UTC))
    page = person("kim", time_zone="Asia/Seoul").get("/dashboard").text
    assert "16 February 2026, 08:30 Asia/Seoul" in page
    assert "You joined on the 16th" in page


def test_the_last_day_counts_down_to_today(ada: Browser, clock: ManualClock) -> None:
    clock.set(datetime(2026, 2, 14, 22, 30, tzinfo=UTC))
    ada.sign_in("ada", PASSWORD)
    assert "tomorrow" in ada.get("/dashboard").text
    clock.advance(timedelta(hours=1))
    assert "today" in ada.get("/dashboard").text


@pytest.mark.parametrize(("price", "left"), [(1, "8 more images"), (2, "3 more images")])
def test_what_images_cost_is_never_taken_for_their_number(
    ada: Browser, system: System, monkeypatch: pytest.MonkeyPatch, price: int, left: str
) -> None:
    monkeypatch.setattr(offers, "CREDITS_PER_IMAGE", price)
    Studio(ada, system).make("A calm sea", count="2")
    page = ada.get("/dashboard").text
    assert f"2 images: {2 * price} credits." in page
    assert f"enough for {left}" in page
    assert f"An image costs {price} credit" in ada.get("/pricing").text


def test_every_credit_is_explained(ada: Browser, system: System) -> None:
    studio = Studio(ada, system)
    studio.make("A calm sea", count="2")
    studio.make("sandbox:fail A storm")
    page = ada.get("/dashboard").text
    assert "You joined the Free plan and got 10 credits." in page
    assert "+10" in page
    assert "2 images: 2 credits." in page
    assert "\N{MINUS SIGN}2" in page
    assert "A calm sea" in page
    assert "Nothing was charged." in page
    assert _chart_values(page)[-1] == 2
    assert "2 credits used" in page


def test_older_rows_are_a_page_away(
    ada: Browser, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_pages, "ROWS_A_PAGE", 2)
    studio = Studio(ada, system)
    for _ in range(3):
        studio.make()
    first = ada.get("/dashboard").text
    assert "You joined the Free plan" not in first
    older = first.split('href="/dashboard?before=')[1].split("#")[0]
    second = ada.get(f"/dashboard?before={older}").text
    assert "You joined the Free plan" in second
    assert "Newest" in second
    assert "before=" not in second


@pytest.mark.parametrize("before", ["0", "-1", "x", "9" * 30, "1"])
def test_a_made_up_place_in_the_ledger_is_no_error(ada: Browser, before: str) -> None:
    assert ada.get(f"/dashboard?before={before}").status_code == 200


def test_a_reset_that_is_due_shows_before_any_scheduler_ran(
    ada: Browser, system: System, clock: ManualClock
) -> None:
    Studio(ada, system).make(count="4")
    clock.set(datetime(2026, 2, 15, 12, tzinfo=UTC))
    ada.sign_in("ada", PASSWORD)
    page = ada.get("/dashboard").text
    assert 'id="credits-remaining">10<' in page
    assert "15 March 2026" in page


def test_a_reset_that_waits_for_an_admin_promises_no_day(
    ada: Browser, system: System, clock: ManualClock
) -> None:
    with system.database.transaction() as session:
        own = session.scalars(select(UserSubscription)).one()
        rescheduling.suspend(
            session, subscription_id=own.id, now=system.clock.now(), by=SOMEBODY, reason="A test."
        )
    clock.set(datetime(2026, 2, 15, 12, tzinfo=UTC))
    ada.sign_in("ada", PASSWORD)

    page, studio = ada.get("/dashboard").text, ada.get("/studio").text

    assert "Your reset is waiting for an admin. No credits are lost." in page
    assert re.search("It was due on <time [^>]*>15 February 2026</time>", page)
    assert "wait until they come back" not in page
    cost = studio.split('id="cost-line"')[1].split("</p>")[0]
    assert "Your reset is waiting for an admin. No credits are lost." in cost
    assert "come back" not in cost


def test_a_reset_that_failed_is_said_to_be_retried(
    ada: Browser, system: System, clock: ManualClock
) -> None:
    now = datetime(2026, 2, 15, 12, tzinfo=UTC)
    clock.set(now)
    with system.database.transaction() as session:
        own = session.scalars(select(UserSubscription)).one()
        guard.suspend_failed(session, subscription_id=own.id, error="It broke.", now=now)
    ada.sign_in("ada", PASSWORD)

    page, studio = ada.get("/dashboard").text, ada.get("/studio").text

    assert "waiting for an admin" not in page + studio
    assert "an admin resumes it" not in page
    told = "Your reset is late and is being retried. No credits are lost."
    assert told in page
    assert told in studio.split('id="cost-line"')[1].split("</p>")[0]
    clock.set(now + guard.FIRST_RETRY_AFTER)
    assert 'id="credits-remaining">10<' in ada.get("/dashboard").text


def test_somebody_without_a_plan_is_told_whom_to_ask(
    person: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "start", lambda *_, **__: None)
    nobody = person("nemo")
    answer = nobody.get("/dashboard")
    assert answer.status_code == 200
    assert "You have no plan" in answer.text
    assert "no active plan" in nobody.get("/studio").text
    assert nobody.get("/pricing").status_code == 200


def test_whoever_has_no_plan_any_more_still_reads_where_their_credits_went(
    ada: Browser, system: System
) -> None:
    with system.database.transaction() as session:
        own = session.scalars(select(UserSubscription)).one()
        lifecycle.deactivate(
            session, subscription_id=own.id, now=system.clock.now(), by=SOMEBODY, reason="A test."
        )
    page = ada.get("/dashboard").text
    assert "You have no plan" in page
    assert "You joined the Free plan" in page


def _chart_values(page: str) -> list[int]:
    data = re.search(r'id="usage-chart-data">(.*?)</script>', page)
    assert data
    values: list[int] = json.loads(data[1])["values"]
    assert len(values) == 30
    return values


def test_granted_credits_are_counted_in_and_said_to_stay(ada: Browser, system: System) -> None:
    now = system.clock.now()
    with system.database.transaction() as session:
        person = session.scalars(select(User).filter_by(username="ada")).one()
        granting.grant(
            session,
            user_id=person.id,
            credits=5,
            kind="admin",
            reason="Welcome.",
            now=now,
            by=SOMEBODY,
        )
    page = ada.get("/dashboard").text
    assert 'id="credits-remaining">15<' in page
    assert "5 credits of these are a gift and kept after the reset." in page
    assert "You were given 5 credits (“Welcome.”), kept after the reset." in page


def test_a_reset_shows_what_came_and_what_expired(ada: Browser, system: System) -> None:
    with system.database.transaction() as session:
        resets.reset_due(session, now=datetime(2026, 2, 15, 12, tzinfo=UTC))
    page = ada.get("/dashboard").text
    assert "Monthly reset to 10 credits. 10 unused credits expired." in page
    assert "+10 −10" in page


def test_without_scripts_the_chart_is_drawn_by_the_server(ada: Browser, system: System) -> None:
    Studio(ada, system).make(count="2")
    page = ada.get("/dashboard").text
    still = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert still
    assert still[1].count("<rect") == 30
    assert "<title>15 January 2026: 2 credits</title>" in still[1]
