"""One's own plan: what is left, when it comes back, and where every credit went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.reading.waterfall import Waterfall, waterfall
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.studio.offers import images_for
from sketchmaker.web.frame import paging, wording
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.balance_words import STEP_WORDS, balance_sentence
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.sign_in_session import CurrentUser
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.web.pages.dashboard.usage_chart import UsageChart, usage_chart

blueprint = Blueprint("dashboard", __name__)
section = Section("Dashboard", "gauge", place=3, blueprint=blueprint)

ROWS_A_PAGE: Final = 15
HIGHEST_ROW_ID: Final = 2**62


@dataclass(frozen=True)
class UsageRow:
    """One line of the ledger, explained."""

    at: datetime
    what: str
    delta: int
    parts: str
    balance_after: int
    prompt: str | None
    generation: str | None


@dataclass(frozen=True)
class DashboardPage:
    """Everything that the dashboard shows; `statement` is None for somebody without a plan."""

    statement: Statement | None
    steps: Waterfall | None
    sentence: str
    images_left: int
    days_until_reset: int
    why_that_day: str
    chart: UsageChart
    rows: tuple[UsageRow, ...]
    is_first_page: bool
    older_before: int | None


@blueprint.get("/dashboard")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The dashboard; `?before=` pages back through the ledger."""
    before = paging.whole_number("before", default=None, highest=HIGHEST_ROW_ID)
    now = request_time()
    with reading() as session:
        page = _page(session, signed_in_viewer(), before, now)
    return render_template("pages/dashboard.html", page=page, step_words=STEP_WORDS)


def _page(session: Session, user: CurrentUser, before: int | None, now: datetime) -> DashboardPage:
    own = _statement(session, user, now)
    found = ledger.recent(session, user.id, limit=ROWS_A_PAGE + 1, before_id=before)
    shown = found[:ROWS_A_PAGE]
    steps = waterfall(own) if own else None
    return DashboardPage(
        statement=own,
        steps=steps,
        sentence=balance_sentence(steps) if steps else "",
        images_left=images_for(own.available) if own else 0,
        days_until_reset=own.days_until_reset(now, user.time_zone) if own else 0,
        why_that_day=wording.why_that_day(own, user.time_zone) if own else "",
        chart=usage_chart(session, user.id, now=now, zone=user.time_zone),
        rows=tuple(_row(row, user.time_zone) for row in shown),
        is_first_page=before is None,
        older_before=shown[-1].id if len(found) > ROWS_A_PAGE else None,
    )


def _statement(session: Session, user: CurrentUser, now: datetime) -> Statement | None:
    """The present subscription. Whoever has none still has a past, and may read it."""
    try:
        return statement_for(session, user.id, now=now)
    except NoActiveSubscription:
        return None


def _row(row: UsageHistory, zone: str) -> UsageRow:
    words = ledger.said_by_caller(row.details)
    return UsageRow(
        at=row.created_at,
        what=explain(row, zone),
        delta=row.credits_delta,
        parts=_parts(row),
        balance_after=row.balance_after,
        prompt=words.get("prompt"),
        generation=words.get("generation"),
    )


def _parts(row: UsageHistory) -> str:
    """`+100 −40` at a reset that gave and took at once; empty where one number says it."""
    came, went = row.details.get("granted"), row.details.get("expired")
    if row.action != RESET_ACTION or not came or not went:
        return ""
    return f"{wording.signed(came)} {wording.signed(-went)}"
