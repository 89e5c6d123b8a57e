"""Where the console begins: what needs a person now, and what happened today."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker.record import outbox_deliveries
from sketchmaker.record.audit_tables import AuditEntry
from sketchmaker.reports import audit
from sketchmaker.reports.audit import AuditFilter
from sketchmaker.reports.listings import Totals
from sketchmaker.reports.today import Today, today
from sketchmaker.scheduling.health import SchedulerHealth, scheduler_health
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import viewer_zone
from sketchmaker.web.frame.wording import counted, how_far, zone_or_utc
from sketchmaker.wishes import wishing

blueprint = Blueprint("admin_overview", __name__, url_prefix="/admin")
section = Section("Overview", "gauge", place=0, blueprint=blueprint)

LATEST_ACTIONS = 5
# One failure among few says nothing; from this many on, a share of them does.
FAILURES_WORTH_A_LOOK = 3
FAILED_PERCENT_WORTH_A_LOOK = 10


@dataclass(frozen=True)
class Attention:
    """One thing that a person should look at, and where. `is_urgent` ones come first."""

    sentence: str
    url: str
    button: str
    is_urgent: bool = False


@dataclass(frozen=True)
class OverviewPage:
    """What `/admin/` shows."""

    attention: tuple[Attention, ...]
    today: Today
    totals: Totals
    latest: tuple[AuditEntry, ...]


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """What needs attention, worst first; then today."""
    now = request_time()
    with reading() as session:
        health = scheduler_health(session, now=now)
        so_far = today(session, since=_midnight(now))
        found = [*_of_scheduler(health, now), *_of_work(session, so_far, now)]
        page = OverviewPage(
            attention=tuple(sorted(found, key=lambda one: not one.is_urgent)),
            today=so_far,
            totals=parts().counters.read(session, now=now),
            latest=audit.entries(session, AuditFilter(), limit=LATEST_ACTIONS).entries,
        )
    return render_template("admin/overview.html", page=page)


def _of_scheduler(health: SchedulerHealth, now: datetime) -> Iterator[Attention]:
    jobs = url_for("admin_scheduled_jobs.show")
    if not health.is_alive:
        last = health.last_heartbeat
        seen = f"last seen {how_far(now, last)}" if last else "never seen"
        yield Attention(f"The scheduler is down, {seen}.", jobs, "How to start it", is_urgent=True)
    if health.overdue:
        words = counted(health.overdue, "reset is overdue", "resets are overdue")
        yield Attention(f"{words}.", jobs, "View", is_urgent=True)
    if suspended := sum(health.suspended_counts.values()):
        words = counted(suspended, "reset is suspended", "resets are suspended")
        yield Attention(f"{words}.", jobs, "Review", is_urgent=True)


def _of_work(session: Session, so_far: Today, now: datetime) -> Iterator[Attention]:
    if (
        so_far.generations_failed >= FAILURES_WORTH_A_LOOK
        and so_far.failed_percent >= FAILED_PERCENT_WORTH_A_LOOK
    ):
        words = counted(so_far.generations_failed, "generation")
        yield Attention(
            f"{words} of {so_far.generations_ended:,} failed today ({so_far.failed_percent} %). "
            "None of them was charged.",
            url_for("admin_subscriptions.show"),
            "Look at who",
        )
    if waiting := len(wishing.open_wishes(session)):
        words = counted(waiting, "person asks", "people ask")
        yield Attention(
            f"{words} for more credits.", url_for("admin_scheduled_jobs.show"), "Answer"
        )
    if dead := outbox_deliveries.figures(session, now=now).dead:
        words = counted(dead, "message could not be delivered", "messages could not be delivered")
        yield Attention(f"{words}.", url_for("admin_scheduled_jobs.show"), "View")


def _midnight(now: datetime) -> datetime:
    """When the reader's day began, in UTC."""
    local = now.astimezone(zone_or_utc(viewer_zone()))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
