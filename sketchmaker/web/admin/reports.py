"""What was used: by day, plan, action and person, in any time; and the history to take along."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from io import StringIO
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker.record import trail
from sketchmaker.record.actor import Subject
from sketchmaker.reports import usage
from sketchmaker.reports.usage import Period, UsageReport
from sketchmaker.web.frame import acting, paging
from sketchmaker.web.frame.downloads import download
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import viewer_zone
from sketchmaker.web.frame.wording import counted, day, zone_or_utc

blueprint = Blueprint("admin_reports", __name__, url_prefix="/admin/subscriptions/reports")
section = Section("Reports", "list-details", place=50, blueprint=blueprint)

LONGEST_DAYS: Final = 366
DEFAULT_RANGE: Final = "30d"
BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Days = tuple[date, date]
"""The first day of a range, and the first after it."""


@dataclass(frozen=True)
class ReportsPage:
    """What `/admin/subscriptions/reports` shows; `problem` says why another range was taken."""

    report: UsageReport
    finding: str
    chosen: str
    since: date
    until: date
    problem: str

    @property
    def most(self) -> int:
        """The most credits used on one day; at least 1, to draw by."""
        return max(1, *(used for _, used in self.report.by_day))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The report of the range that the address names."""
    chosen, (since, until), problem = _range()
    with reading() as session:
        report = usage.usage(session, _period(since, until))
    page = ReportsPage(
        report=report,
        finding=_finding(report),
        chosen=chosen,
        since=since,
        until=until - timedelta(days=1),
        problem=problem,
    )
    return render_template("admin/reports.html", page=page, ranges=RANGE_WORDS)


@blueprint.post("/history.csv")
def history() -> ResponseReturnValue:
    """Every row of the ledger in the range, as CSV; that it was taken is in the audit trail."""
    _, (since, until), problem = _range()
    if problem:
        return redirect(f"{url_for('.show')}?{urlencode(request.args)}", HTTPStatus.SEE_OTHER)
    period = _period(since, until)
    with transaction() as session:
        trail.record(
            session,
            acting.admin(),
            "history_exported",
            Subject("history", None, "the usage history"),
            before=None,
            after={"since": period.since.isoformat(), "until": period.until.isoformat()},
            reason="Exported in the console.",
            now=request_time(),
        )
    name = f"usage-history-{since}-to-{until - timedelta(days=1)}.csv"
    with reading() as session:
        return download(_lines(session, period), name=name, mimetype="text/csv")


def _lines(session: Session, period: Period) -> Iterator[str]:
    """The ledger's rows as CSV, below the names of their columns."""
    query = usage.history(period)
    yield _line(column.name for column in query.selected_columns)
    for row in session.execute(query.execution_options(yield_per=1000)):
        yield _line(harmless(value) for value in row)


def _line(values: Iterable[object]) -> str:
    text = StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def harmless(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str) and value.startswith(BEGINS_A_FORMULA):
        return f"'{value}"
    return value


def _finding(report: UsageReport) -> str:
    """The report in a sentence."""
    used = f"{counted(report.credits, 'credit')} used"
    if not report.credits_before:
        return f"{used}. None in the time before it."
    change = round(100 * (report.credits - report.credits_before) / report.credits_before)
    if change == 0:
        return f"{used}, about as many as in the time before it."
    more = "more" if change > 0 else "fewer"
    before = f"{report.credits_before:,}"
    return f"{used}, {abs(change)} % {more} than in the time before it ({before})."


def _range() -> tuple[str, Days, str]:
    """The range asked for, its days, and why it could not be taken as it was."""
    today = request_time().astimezone(zone_or_utc(viewer_zone())).date()
    since, until = paging.asked("since"), paging.asked("until")
    if since or until:
        try:
            return "", _own_days(since, until), ""
        except ValueError as problem:
            return DEFAULT_RANGE, RANGES[DEFAULT_RANGE](today), str(problem)
    chosen = paging.asked("range") or DEFAULT_RANGE
    if chosen not in RANGES:
        words = f"There is no range {chosen[:20]!r}."
        return DEFAULT_RANGE, RANGES[DEFAULT_RANGE](today), words
    return chosen, RANGES[chosen](today), ""


def _own_days(since: str, until: str) -> Days:
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        after = last + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ValueError("Choose both dates, such as 2026-11-01.") from None
    if not first <= last:
        raise ValueError(f"{day(first)} is after {day(last)}: choose the earlier date first.")
    if (after - first).days > LONGEST_DAYS or first.year < 2000 or last.year > 9000:
        raise ValueError(f"Choose at most {LONGEST_DAYS} days.")
    return first, after


def _period(since: date, until: date) -> Period:
    zone = zone_or_utc(viewer_zone())
    begin, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (since, until))
    return Period(begin, end, str(zone))


def _last_days(days: int) -> Callable[[date], Days]:
    return lambda today: (today - timedelta(days=days - 1), today + timedelta(days=1))


def _this_month(today: date) -> Days:
    return today.replace(day=1), today + timedelta(days=1)


def _last_month(today: date) -> Days:
    first = today.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), first


RANGES: Final[Mapping[str, Callable[[date], Days]]] = {
    "7d": _last_days(7),
    "30d": _last_days(30),
    "month": _this_month,
    "last-month": _last_month,
}

RANGE_WORDS: Final[Mapping[str, Any]] = {
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
    "last-month": "Last month",
}
