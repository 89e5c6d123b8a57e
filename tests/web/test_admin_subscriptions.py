import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import rescheduling
from sketchmaker.credits.resets import guard
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.scheduling import heartbeats
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.web.admin import scheduled_jobs, subscriptions
from tests.support.actors import SOMEBODY
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser

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
    assert "1–4 of 4 users" in page
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


@pytest.mark.usefixtures("people")
def test_lists_are_paged_and_keep_the_search(
    admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for section in (subscriptions, scheduled_jobs):
        monkeypatch.setattr(section, "ROWS_A_PAGE", 2)
    first = admin.get(f"{LIST}?q=example.org").text
    assert "1–2 of 4 users" in first
    assert 'href="/admin/subscriptions/?q=example.org&amp;page=2"' in first
    assert "3–4 of 4 users" in admin.get(f"{LIST}?q=example.org&page=2").text
    assert "3–4 of 4 users" in admin.get(f"{LIST}?page=999999").text
    assert "1–2 of 4 users" in admin.get(f"{LIST}?page=-3").text
    assert "3–4 of 4 jobs" in admin.get(f"{JOBS}?page=2").text


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
