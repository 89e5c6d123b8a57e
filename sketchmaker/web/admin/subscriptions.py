"""Who is on which plan, with how many credits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sketchmaker.credits.rows import plans
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.reports.listings import Totals
from sketchmaker.reports.searching import Match
from sketchmaker.reports.subscriptions import (
    NO_PLAN,
    FoundSubscriptions,
    Status,
    SubscriptionFilter,
    search_subscriptions,
)
from sketchmaker.web.frame import paging, searching
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.searching import Chip
from sketchmaker.web.frame.sections import Section

blueprint = Blueprint("admin_subscriptions", __name__, url_prefix="/admin/subscriptions")
section = Section("Subscriptions", "users", place=10, blueprint=blueprint)

ROWS_A_PAGE: Final = 25

STATUS_WORDS: Final = {
    Status.ACTIVE: "With a plan",
    Status.SUSPENDED: "Reset suspended",
    Status.OVERDUE: "Reset overdue",
    Status.DEACTIVATED: "Deactivated",
    Status.ADMIN: "Admins",
}


@dataclass(frozen=True)
class Hindrance:
    """A part of the filter, and how many would fit without it."""

    chip: Chip
    number: int
    is_exact: bool


@dataclass(frozen=True)
class SubscriptionsPage:
    """What `/admin/subscriptions/` shows, as of `now`.

    When nobody fits, `hindrances` are the parts of the filter that alone keep people out.
    """

    totals: Totals
    found: FoundSubscriptions
    wanted: SubscriptionFilter
    plan_choices: dict[str, str]
    chips: tuple[Chip, ...]
    ignored: tuple[Chip, ...]
    hindrances: tuple[Hindrance, ...]
    now: datetime


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """Users with plan, balance and next reset; searched, filtered and read in slices."""
    now = request_time()
    with reading() as session:
        choices = _plan_choices(plans.every_plan(session))
        wanted = _wanted(choices)
        found = search_subscriptions(
            session, now=now, wanted=wanted, cursor=paging.cursor(), limit=ROWS_A_PAGE
        )
        totals = parts().counters.read(session, now=now)
    chips = _chips(wanted, choices)
    page = SubscriptionsPage(
        totals=totals,
        found=found,
        wanted=wanted,
        plan_choices=choices,
        chips=tuple(chips.values()),
        ignored=searching.ignored(_known(choices)),
        hindrances=_hindrances(found, chips),
        now=now,
    )
    return render_template(
        "admin/subscriptions.html",
        page=page,
        statuses=STATUS_WORDS,
        match_url=searching.other_match_url,
        Match=Match,
    )


def _plan_choices(known: list[SubscriptionPlanModel]) -> dict[str, str]:
    """Every plan by name: people stay on those that are off offer."""
    named = {
        plan.name: plan.display_name if plan.is_active else f"{plan.display_name} (withdrawn)"
        for plan in known
    }
    return {**named, NO_PLAN: "No plan"}


def _known(choices: dict[str, str]) -> dict[str, frozenset[str] | None]:
    return {
        "q": None,
        paging.PLACE: None,
        searching.MATCH: frozenset(searching.CHOICES),
        "plan": frozenset(choices),
        "status": frozenset(Status),
    }


def _wanted(choices: dict[str, str]) -> SubscriptionFilter:
    plan, statuses = request.args.get("plan"), request.args.getlist("status")
    return SubscriptionFilter(
        search=searching.wanted(),
        plan=plan if plan in choices else None,
        statuses=tuple(status for status in Status if status in statuses),
    )


def _chips(wanted: SubscriptionFilter, choices: dict[str, str]) -> dict[str, Chip]:
    """The parts of the filter, named as `SubscriptionFilter.parts` does."""
    found = {}
    if wanted.search:
        found["q"] = _chip(f"“{wanted.search.text}”", "q")
    if wanted.plan:
        found["plan"] = _chip(f"Plan: {choices[wanted.plan]}", "plan")
    for status in wanted.statuses:
        found[status] = _chip(STATUS_WORDS[status], "status", status)
    return found


def _chip(words: str, name: str, value: str | None = None) -> Chip:
    return Chip(words, paging.address(without=name, value=value))


def _hindrances(found: FoundSubscriptions, chips: dict[str, Chip]) -> tuple[Hindrance, ...]:
    """The one that keeps most people out comes first."""
    keeping_out = [
        Hindrance(chips[name], count.number, count.is_exact)
        for name, count in found.without.items()
        if count.number
    ]
    return tuple(sorted(keeping_out, key=lambda each: each.number, reverse=True))
