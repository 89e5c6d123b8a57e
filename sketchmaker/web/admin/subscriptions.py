"""Who is on which plan, with how many credits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sketchmaker.credits.rows import plans
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.paging import Page
from sketchmaker.reports import listings
from sketchmaker.reports.listings import (
    NO_PLAN,
    SubscriptionRow,
    Totals,
)
from sketchmaker.web.frame import paging
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.sections import Section

blueprint = Blueprint("admin_subscriptions", __name__, url_prefix="/admin/subscriptions")
section = Section("Subscriptions", "users", place=10, blueprint=blueprint)

ROWS_A_PAGE: Final = 25
HIGHEST_ID: Final = 2**31 - 1


@dataclass(frozen=True)
class SubscriptionsPage:
    """What `/admin/subscriptions/` shows, as of `now`."""

    totals: Totals
    found: Page[SubscriptionRow]
    plan_choices: tuple[tuple[str, str], ...]
    text: str
    plan: str
    now: datetime


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """Users with plan, balance and next reset; searched, filtered and paged."""
    now, text = request_time(), paging.search_text()
    with reading() as session:
        choices = _plan_choices(plans.active_plans(session))
        plan = request.args.get("plan", "")
        plan = plan if plan in dict(choices) else ""
        found = listings.search_subscriptions(
            session,
            now=now,
            text=text,
            plan=plan or None,
            page=paging.page_number(),
            per_page=ROWS_A_PAGE,
        )
        totals = listings.totals(session, now=now)
    page = SubscriptionsPage(totals, found, choices, text, plan, now)
    return render_template("admin/subscriptions.html", page=page)


def _plan_choices(offered: list[SubscriptionPlanModel]) -> tuple[tuple[str, str], ...]:
    named = tuple((plan.name, plan.display_name) for plan in offered)
    return (("", "All plans"), *named, (NO_PLAN, "No plan"))
