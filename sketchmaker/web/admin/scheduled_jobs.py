"""The scheduler's health, and what it will do when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from sketchmaker import logs
from sketchmaker.credits.resets import guard
from sketchmaker.reports import listings
from sketchmaker.reports.listings import (
    AttentionRow,
    FoundResets,
    ResetRow,
    Totals,
)
from sketchmaker.reports.searching import Search
from sketchmaker.scheduling.health import SchedulerHealth, scheduler_health
from sketchmaker.scheduling.job_ids import job_id_for
from sketchmaker.web.frame import acting, paging, searching, wording
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.searching import Chip
from sketchmaker.web.frame.sections import Section
from sketchmaker.wishes import wishing
from sketchmaker.wishes.wishing import OpenWish

blueprint = Blueprint(
    "admin_scheduled_jobs", __name__, url_prefix="/admin/subscriptions/scheduled-jobs"
)
section = Section("Scheduled jobs", "calendar-repeat", place=20, blueprint=blueprint)

ROWS_A_PAGE: Final = 25
KNOWN_PARAMETERS: Final = {
    "q": None,
    paging.PLACE: None,
    searching.MATCH: frozenset[str](searching.CHOICES),
}


@dataclass(frozen=True)
class JobRow:
    """A scheduled reset, and how far away it is in words."""

    reset: ResetRow
    how_far: str


@dataclass(frozen=True)
class ProcessRow:
    """One process with a scheduler, and when it was last heard of, in words."""

    name: str
    is_alive: bool
    heard_of: str


@dataclass(frozen=True)
class JobsPage:
    """What `/admin/subscriptions/scheduled-jobs` shows, as of `now`."""

    health: SchedulerHealth
    attention: tuple[AttentionRow, ...]
    wishes: Sequence[OpenWish]
    last_heartbeat_words: str
    processes: tuple[ProcessRow, ...]
    totals: Totals
    found: FoundResets
    rows: tuple[JobRow, ...]
    search: Search | None
    chips: tuple[Chip, ...]
    ignored: tuple[Chip, ...]
    now: datetime


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The scheduler's health, and which credits come back when; the next one first."""
    now, search = request_time(), searching.wanted()
    with reading() as session:
        health = scheduler_health(session, now=now)
        totals = parts().counters.read(session, now=now)
        attention = listings.needs_attention(session)
        wishes = wishing.open_wishes(session)
        found = listings.upcoming_resets(
            session, now=now, search=search, cursor=paging.cursor(), limit=ROWS_A_PAGE
        )
    page = JobsPage(
        health=health,
        attention=attention,
        wishes=wishes,
        last_heartbeat_words=_heard_of(health.last_heartbeat, now),
        processes=_process_rows(health, now),
        totals=totals,
        found=found,
        rows=tuple(_job_row(reset, now) for reset in found.rows.items),
        search=search,
        chips=(Chip(f"“{search.text}”", paging.address(without="q")),) if search else (),
        ignored=searching.ignored(KNOWN_PARAMETERS),
        now=now,
    )
    return render_template(
        "admin/scheduled_jobs.html",
        page=page,
        job_id_for=job_id_for,
        match_url=searching.other_match_url,
    )


@blueprint.post(f"/<int(max={HIGHEST_ID}):subscription_id>/resume")
def resume(subscription_id: int) -> ResponseReturnValue:
    """Resume suspended resets; one that is due runs now."""
    with transaction() as session:
        was_suspended = guard.resume(
            session,
            subscription_id=subscription_id,
            now=request_time(),
            by=acting.admin(),
            reason=acting.reason(),
        )
    if was_suspended:
        parts().scheduler.schedule_user_reset(subscription_id)
        logs.security("reset resumed", subscription=subscription_id)
        flash(f"The reset {job_id_for(subscription_id)} is resumed.", "success")
    else:
        flash("That reset was no longer suspended.", "info")
    return redirect(url_for(".show"))


def _process_rows(health: SchedulerHealth, now: datetime) -> tuple[ProcessRow, ...]:
    return tuple(
        ProcessRow(
            f"{process.host} {process.pid}", process.is_alive, _heard_of(process.beat_at, now)
        )
        for process in health.processes
    )


def _job_row(reset: ResetRow, now: datetime) -> JobRow:
    return JobRow(reset, wording.how_far(now, reset.next_reset) if reset.next_reset else "")


def _heard_of(last: datetime | None, now: datetime) -> str:
    return wording.how_far(now, last) if last else "never"
