"""Reports say what was used, when and by whom, and agree with the ledger itself."""

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.spending import charges, refunds
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.reports import usage
from sketchmaker.reports.usage import Period
from sketchmaker.web.admin.reports import harmless
from tests.support.actors import SOMEBODY
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser

REPORTS = "/admin/subscriptions/reports"


def spend(system: System, user: User, credits: int, action: str = "images") -> int:
    with system.database.transaction() as session:
        charge = charges.charge(
            session, user_id=user.id, credits=credits, action=action, now=system.clock.now()
        )
    del charge
    with system.database.reading() as session:
        return session.scalars(select(func.max(UsageHistory.id))).one() or 0


@pytest.fixture
def used(system: System, admin: Browser, clock: ManualClock) -> dict[str, User]:
    """Three days of use by two people, a refund among it."""
    mara, jonas = enrolled(system, "mara", plan="premium"), enrolled(system, "jonas")
    spend(system, mara, 5)
    clock.advance(timedelta(days=1))
    entry = spend(system, mara, 7, "upscaling")
    with system.database.transaction() as session:
        refunds.refund(
            session,
            entry_id=entry,
            credits=3,
            reason="It was blurred.",
            by=SOMEBODY,
            now=clock.now(),
        )
    clock.advance(timedelta(days=1))
    spend(system, jonas, 2)
    admin.sign_in("grace", PASSWORD)
    return {"mara": mara, "jonas": jonas}


def period(system: System, days: int, zone: str = "UTC") -> Period:
    until = system.clock.now() + timedelta(seconds=1)
    return Period(until - timedelta(days=days), until, zone)


def report_of(system: System, days: int, zone: str = "UTC") -> usage.UsageReport:
    with system.database.reading() as session:
        return usage.usage(session, period(system, days, zone))


@pytest.mark.usefixtures("used")
def test_the_figures_are_those_of_the_ledger(system: System) -> None:
    report = report_of(system, 10)
    with system.database.reading() as session:
        total = session.scalars(select(func.sum(UsageHistory.credits_used))).one()
    assert report.credits == total == 11
    assert sum(credits for _, credits in report.by_day) == total
    assert {share.name: share.credits for share in report.by_plan} == {"Premium": 9, "Free": 2}
    assert [(share.name, share.credits) for share in report.top_users] == [
        ("mara", 9),
        ("jonas", 2),
    ]
    assert sum(share.credits for share in report.by_action) == total


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"])
def test_days_are_those_of_the_readers_zone(system: System, zone: str) -> None:
    expected: dict[object, int] = {}  # counted row by row
    with system.database.reading() as session:
        for row in session.scalars(select(UsageHistory).where(UsageHistory.credits_used != 0)):
            day = row.created_at.astimezone(ZoneInfo(zone)).date()
            expected[day] = expected.get(day, 0) + row.credits_used
    found = {day: used for day, used in report_of(system, 10, zone).by_day if used}
    assert found == {day: used for day, used in expected.items() if used}


@pytest.mark.usefixtures("used")
def test_the_page_says_it_in_a_sentence_and_compares(admin: Browser, clock: ManualClock) -> None:
    assert "11 credits used. None in the time before it." in admin.get(REPORTS).text
    clock.advance(timedelta(days=2))
    admin.sign_in("grace", PASSWORD)
    since, until = (clock.now().date() - timedelta(days=days) for days in (2, 1))
    page = admin.get(f"{REPORTS}?since={since}&until={until}").text
    assert "fewer than in the time before it" in page


def test_nothing_used_is_said(admin: Browser) -> None:
    page = admin.get(REPORTS)
    assert page.status_code == 200
    assert "No credits were used in this time" in page.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=2026-11-02&until=2026-11-01", "choose the earlier date first"),
        ("since=2026-11-02", "Choose both dates"),
        ("since=x&until=y", "Choose both dates"),
        ("since=2020-01-01&until=2026-01-01", "at most 366 days"),
        ("since=0001-01-01&until=0001-01-02", "at most 366 days"),
        ("since=9999-12-31&until=9999-12-31", "Choose both dates"),
        ("range=year", "There is no range"),
    ],
)
def test_a_range_that_can_not_be_used_is_said_and_another_is_shown(
    admin: Browser, query: str, sentence: str
) -> None:
    page = admin.get(f"{REPORTS}?{query}")
    assert page.status_code == 200
    assert sentence in page.text
    assert "The last 30 days are shown instead." in page.text


@pytest.mark.parametrize("name", ["7d", "30d", "month", "last-month"])
def test_every_range_opens(admin: Browser, name: str) -> None:
    assert admin.get(f"{REPORTS}?range={name}").status_code == 200


@pytest.mark.usefixtures("used")
def test_the_history_is_exported_whole_and_that_is_in_the_audit_trail(
    system: System, admin: Browser, clock: ManualClock
) -> None:
    since, until = clock.now().date() - timedelta(days=5), clock.now().date()
    answer = admin.post(f"{REPORTS}/history.csv?since={since}&until={until}")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    answer.close()
    with system.database.reading() as session:
        ids = session.scalars(select(UsageHistory.id).order_by(UsageHistory.created_at)).all()
    assert sorted(int(row["id"]) for row in rows) == sorted(ids)
    assert sum(int(row["credits_used"]) for row in rows) == 11
    assert {row["username"] for row in rows} == {"grace", "mara", "jonas"}
    assert "history exported" in admin.get("/admin/audit/").text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_taken_for_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_figures_and_plain_words_are_exported_as_they_are() -> None:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert [harmless(each) for each in (-5, "mara", at)] == [
        -5,
        "mara",
        "2026-01-02T03:04:00+00:00",
    ]


def test_only_admins_read_reports(ada: Browser) -> None:
    assert ada.get(REPORTS).status_code == 403
    assert ada.post(f"{REPORTS}/history.csv").status_code == 403
