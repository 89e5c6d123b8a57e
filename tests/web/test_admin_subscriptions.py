import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import rescheduling
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import plans
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.scheduling import heartbeats
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.web.admin import scheduled_jobs, subscriptions
from tests.support.actors import SOMEBODY
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser

pytestmark = pytest.mark.slow  # all of them together

LIST, JOBS = "/admin/subscriptions/", "/admin/subscriptions/scheduled-jobs"


@pytest.fixture
def people(system: System) -> None:
    enrolled(system, "mara", plan="premium")
    enrolled(system, "jonas")
    enrolled(system, "leila", plan="pro", role=Role.SUPERADMIN)


def beat(system: System) -> None:
    now = system.clock.now()
    with system.database.transaction() as session:
        identity = ProcessIdentity(name="web-1", host="studio", pid=77, started_at=now)
        heartbeats.beat(session, identity, now=now)


@pytest.mark.usefixtures("people")
def test_everybody_is_listed_with_plan_balance_and_next_reset(admin: Browser) -> None:
    page = admin.get(LIST).text
    for words in ("mara@example.org", "Premium", "superadmin", "15 February 2026", "in 31 days"):
        assert words in page
    assert "4 users" in page
    assert "1,000" in page


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=mar", ["mara"]),
        ("q=JONAS%40example.org", ["jonas"]),
        ("plan=pro", ["leila"]),
        ("plan=none", []),
        ("q=%25", []),
        ("q=ara", []),
        ("q=ara&match=contains", ["mara"]),
        ("q=1", ["mara"]),
        ("q=1&match=prefix", []),
        ("q=credit_reset_2", ["jonas"]),
        ("q=99999999999999999999", []),
        ("status=admin&status=active", ["grace", "leila"]),
        ("status=deactivated", []),
        ("q=mara&plan=free", []),
        ("plan=unknown", ["grace", "jonas", "leila", "mara"]),
        ("q=%00mara", ["mara"]),
    ],
)
def test_people_are_found_by_name_address_and_plan(
    admin: Browser, query: str, expected: list[str]
) -> None:
    page = admin.get(f"{LIST}?{query}").text
    names = ("grace", "jonas", "leila", "mara")
    assert [name for name in names if f"{name}@example.org</span>" in page] == expected
    assert ("Nobody found" in page) == (not expected)


def shown(page: str) -> list[str]:
    return re.findall(r'class="text-link" href="[^"]+"><strong>(\w+)</strong>', page)


def link(page: str, way: str) -> str:
    found = re.search(rf'rel="{way}" href="([^"]+)"', page)
    assert found
    return html.unescape(found[1])


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("address", "first", "second"),
    [
        (f"{LIST}?status=active&plan=", ["grace", "jonas"], ["leila", "mara"]),
        (JOBS, ["mara", "jonas"], ["leila", "grace"]),
    ],
)
def test_lists_lead_on_and_back_and_keep_the_filter(
    admin: Browser,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    first: list[str],
    second: list[str],
) -> None:
    for section in (subscriptions, scheduled_jobs):
        monkeypatch.setattr(section, "ROWS_A_PAGE", 2)
    beginning = admin.get(address).text
    assert 'rel="prev"' not in beginning
    end = admin.get(link(beginning, "next")).text
    assert 'rel="next"' not in end
    again = admin.get(link(end, "prev")).text
    assert [shown(page) for page in (beginning, end, again)] == [first, second, first]
    assert ("status=active" in link(beginning, "next")) == ("status=active" in address)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("place", ["", "x", "W1siYSJdLGZhbHNlXQ.x", "%00", "1" * 5000])
def test_a_place_that_we_never_wrote_is_the_beginning(admin: Browser, place: str) -> None:
    for address in (LIST, JOBS):
        assert len(shown(admin.get(f"{address}?at={place}").text)) == 4


@pytest.mark.usefixtures("people")
def test_a_place_of_one_list_means_nothing_in_another(
    admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "ROWS_A_PAGE", 2)
    place = link(admin.get(LIST).text, "next").partition("?")[2]
    assert len(shown(admin.get(f"{JOBS}?{place}").text)) == 4


@pytest.mark.usefixtures("people")
def test_each_part_of_the_filter_can_be_taken_off(admin: Browser) -> None:
    page = html.unescape(admin.get(f"{LIST}?q=mara&plan=premium&status=active&status=admin").text)
    for words, without in (
        ("“mara”", "?plan=premium&status=active&status=admin"),
        ("Plan: Premium", "?q=mara&status=active&status=admin"),
        ("With a plan", "?q=mara&plan=premium&status=admin"),
        ("Admins", "?q=mara&plan=premium&status=active"),
    ):
        assert f'href="{LIST}{without}">{words}' in page
    assert f'<a href="{LIST}?q=mara&plan=premium&status=active">Without Admins</a>: 1' in page


@pytest.mark.usefixtures("people")
def test_what_the_list_does_not_know_is_shown_as_ignored(admin: Browser) -> None:
    query = "plan=gold&status=rich&colour=red&match=sideways&q=mara"
    page = admin.get(f"{LIST}?{query}").text
    for words in ("plan=gold", "status=rich", "colour=red", "match=sideways"):
        assert f"Ignored: {words}" in page
    assert "Ignored: q" not in page
    assert shown(page) == ["mara"]
    assert "Ignored: plan=gold" in admin.get(f"{JOBS}?plan=gold").text


@pytest.mark.usefixtures("people")
def test_the_page_says_how_a_text_was_looked_for(admin: Browser) -> None:
    for query, words in (
        ("q=mar", "begin with “mar”"),
        ("q=mar&match=contains", "“mar” anywhere"),
        ("q=1", "user number 1"),
        ("q=credit_reset_1", "the reset credit_reset_1"),
    ):
        for address in (LIST, JOBS):
            assert words in admin.get(f"{address}?{query}").text


@pytest.mark.usefixtures("people")
def test_people_are_found_by_a_plan_that_is_off_offer(system: System, admin: Browser) -> None:
    with system.database.transaction() as session:
        plans.deactivate(
            session, plan_name="pro", now=system.clock.now(), by=SOMEBODY, reason="A test."
        )
    page = admin.get(f"{LIST}?plan=pro").text
    assert shown(page) == ["leila"]
    assert "Pro (withdrawn)" in page


@pytest.mark.usefixtures("people")
def test_a_row_that_cant_be_read_is_shown_as_damaged(system: System, admin: Browser) -> None:
    if system.database.dialect != "sqlite":
        pytest.skip("PostgreSQL keeps nothing that is no date.")
    with system.database.transaction() as session:
        session.execute(
            text("UPDATE user_subscriptions SET next_credit_reset = '2026-02-31 soon' WHERE id = 1")
        )
    for address in (LIST, JOBS):
        page = admin.get(address).text
        assert len(shown(page)) == 4
        assert "Damaged" in page
        assert "books verify" in page


@pytest.mark.usefixtures("people")
def test_jobs_are_listed_by_name_the_next_one_first(admin: Browser) -> None:
    page = admin.get(JOBS).text
    assert "credit_reset_1" in page
    assert "in 31 days" in page
    assert "15 February 2026, 12:00 UTC" in page


@pytest.mark.usefixtures("people")
def test_a_reset_that_nobody_did_is_shown_as_overdue(admin: Browser, clock: ManualClock) -> None:
    clock.advance(timedelta(days=31, hours=2))
    admin.sign_in("grace", PASSWORD)
    page = admin.get(JOBS).text
    assert "overdue</span>" in page
    assert "2 hours ago" in page
    assert "Not running" in page


def test_a_scheduler_that_reports_is_shown_as_running(admin: Browser, system: System) -> None:
    beat(system)
    page = admin.get(JOBS).text
    assert "Running" in page
    assert "studio 77" in page
    assert "The scheduler is down" not in page


def test_nobody_else_sees_the_console(ada: Browser, visitor: Browser) -> None:
    for path in ("/admin/", LIST, JOBS):
        assert ada.get(path).status_code == 403
        assert visitor.get(path).status_code == 302


def test_a_suspended_reset_is_shown_with_its_error(system: System, admin: Browser) -> None:
    mara = enrolled(system, "mara").id
    now = system.clock.now()
    with system.database.transaction() as session:
        subscription = session.scalars(select(UserSubscription).filter_by(user_id=mara)).one()
        guard.suspend_failed(session, subscription_id=subscription.id, error="It broke.", now=now)
    page = admin.get(JOBS).text
    assert "Needs attention" in page
    assert "<strong>mara</strong>" in page
    assert "It broke." in page

    with system.database.transaction() as session:
        row = session.get_one(SuspendedReset, subscription.id)
        row.cause, row.retry_at = guard.RUNAWAY, None
    assert "runaway" in admin.get(JOBS).text


def test_an_admin_resumes_a_suspended_reset(system: System, admin: Browser) -> None:
    mara = enrolled(system, "mara").id
    with system.database.transaction() as session:
        subscription = session.scalars(select(UserSubscription).filter_by(user_id=mara)).one()
        rescheduling.suspend(
            session,
            subscription_id=subscription.id,
            now=system.clock.now(),
            by=SOMEBODY,
            reason="A test.",
        )
    assert "Resume: mara" in admin.get(JOBS).text
    assert admin.post(f"{JOBS}/{subscription.id}/resume", {"reason": " "}).status_code == 422
    resumed = admin.post(f"{JOBS}/{subscription.id}/resume", {"reason": "It was looked at."})
    assert resumed.headers["Location"] == JOBS
    page = admin.get(JOBS).text
    assert f"credit_reset_{subscription.id} is resumed" in page
    assert "Needs attention" not in page
    with system.database.reading() as session:
        entry = session.execute(select(ENTRIES).where(ENTRIES.c.action == "resets_resumed")).one()
    assert (entry.actor_name, entry.actor_role, entry.through) == ("grace", "admin", "console")
    assert (entry.owner_id, entry.reason) == (mara, "It was looked at.")
    assert entry.actor_address and entry.request_id
    admin.post(f"{JOBS}/{subscription.id}/resume", {"reason": "Again."})
    assert "was no longer suspended" in admin.get(JOBS).text


@pytest.mark.usefixtures("people")
def test_overdue_resets_are_not_counted_among_those_to_come(
    admin: Browser, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=31, hours=2))
    admin.sign_in("grace", PASSWORD)
    page = admin.get(JOBS).text
    assert re.search(r"Within 24 hours</dt>\s*<dd class=\"number\">0<", page)
    assert re.search(r"Overdue</dt>\s*<dd class=\"number tone-bad\">4<", page)
