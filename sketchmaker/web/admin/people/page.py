"""What the page of one person shows, put together from the report and the reader's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import request, url_for
from sqlalchemy.orm import Session

from sketchmaker.accounts.administration import may_decide_about
from sketchmaker.accounts.roles import Role
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.reading.waterfall import StepKind
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.reports import people
from sketchmaker.reports.people import ROWS_OF_STEP, PersonReport
from sketchmaker.web.frame import paging, wording
from sketchmaker.web.frame.balance_words import balance_sentence
from sketchmaker.web.frame.viewer import signed_in_viewer

HIGHEST_ROW_ID: Final = 2**62
ROWS_A_PAGE: Final = 25


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger, explained. Credits are whole; `delta` is signed."""

    id: int
    at: datetime
    what: str
    action: str
    delta: int
    balance_after: int


@dataclass(frozen=True)
class PersonPage:
    """What `/admin/users/<id>` shows."""

    report: PersonReport
    sentence: str
    days_until_reset: int
    reset_rule: str
    step: StepKind | None
    step_links: Mapping[StepKind, str]
    rows: tuple[LedgerRow, ...]
    is_first_page: bool
    older_before: int | None
    may_decide: bool


def page_of(session: Session, user_id: int, *, now: datetime) -> PersonPage:
    """The page of that person, narrowed and paged as its address says.

    Raises:
        UserNotFound: there is no such person.
    """
    before = paging.whole_number("before", default=None, highest=HIGHEST_ROW_ID)
    step = _step()
    report = people.person(session, user_id, now=now)
    own = report.statement
    found = people.ledger_page(
        session, user_id, limit=ROWS_A_PAGE, before_id=before, step=step, own=own
    )
    reader = signed_in_viewer()
    return PersonPage(
        report=report,
        sentence=balance_sentence(report.steps) if report.steps else "",
        days_until_reset=own.days_until_reset(now, reader.time_zone) if own else 0,
        reset_rule=wording.reset_rule(own.anchor, own.time_zone) if own else "",
        step=step,
        step_links=_step_links(user_id),
        rows=tuple(_ledger_row(row, reader.time_zone) for row in found.rows),
        is_first_page=before is None,
        older_before=found.older_before,
        may_decide=may_decide_about(reader.role, Role(report.user.role)),
    )


def _step() -> StepKind | None:
    asked = request.args.get("step", "")
    return next((step for step in ROWS_OF_STEP if step.value == asked), None)


def _step_links(user_id: int) -> dict[StepKind, str]:
    return {
        step: url_for(".show", user_id=user_id, step=step.value, _anchor="ledger-heading")
        for step in ROWS_OF_STEP
    }


def _ledger_row(row: UsageHistory, zone: str) -> LedgerRow:
    return LedgerRow(
        id=row.id,
        at=row.created_at,
        what=explain(row, zone),
        action=row.action,
        delta=row.credits_delta,
        balance_after=row.balance_after,
    )
