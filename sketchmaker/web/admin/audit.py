"""Who changed what, when, through what, and why: the audit trail, to read and to take along."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sketchmaker.record import sealing, trail
from sketchmaker.record.actor import Subject, Through
from sketchmaker.record.audit_tables import AuditEntry
from sketchmaker.record.chain import canonical
from sketchmaker.reports import audit
from sketchmaker.reports.audit import AuditFilter, Changed
from sketchmaker.web.frame import acting, paging
from sketchmaker.web.frame.downloads import download
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import viewer_zone

blueprint = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")
section = Section("Audit", "history", place=60, blueprint=blueprint)

ROWS_A_PAGE: Final = 50
HIGHEST_ENTRY: Final = 2**62
LONGEST_ACTION: Final = 50


@dataclass(frozen=True)
class EntryRow:
    """One entry, and what it changed."""

    entry: AuditEntry
    changes: list[Changed]


@dataclass(frozen=True)
class AuditListPage:
    """What `/admin/audit/` shows. `ignored` names parameters that could not be used."""

    rows: tuple[EntryRow, ...]
    wanted: AuditFilter
    actions: list[str]
    ignored: tuple[str, ...]
    older_url: str | None
    is_first_page: bool


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """The trail, newest first; narrowed by the address."""
    wanted, ignored = _wanted()
    before = paging.whole_number("before", default=None, highest=HIGHEST_ENTRY)
    with reading() as session:
        found = audit.entries(session, wanted, limit=ROWS_A_PAGE, before_id=before)
        actions = audit.actions(session)
    page = AuditListPage(
        rows=tuple(EntryRow(entry, audit.changes(entry)) for entry in found.entries),
        wanted=wanted,
        actions=actions,
        ignored=ignored,
        older_url=_address(before=found.older_before) if found.older_before else None,
        is_first_page=before is None,
    )
    return render_template("admin/audit.html", page=page, doors=[door.value for door in Through])


@blueprint.post("/export")
def export() -> ResponseReturnValue:
    """The whole trail, sealed up to this export, as JSON Lines for `docs/verify_audit.py`."""
    with transaction() as session:
        trail.record(
            session,
            acting.admin(),
            "audit exported",
            Subject("audit trail", None, "the audit trail"),
            reason="Exported in the console.",
            now=request_time(),
            before=None,
            after=None,
        )
    sealing.seal_all(parts().database)
    with reading() as session:
        lines = (canonical(entry) + "\n" for entry in sealing.sealed_entries(session))
        return download(lines, name="audit.jsonl", mimetype="application/jsonl")


def _wanted() -> tuple[AuditFilter, tuple[str, ...]]:
    """The filter that the address asks for, and the parameters that ask for nothing we know."""
    found = {
        "actor_id": paging.whole_number("actor", default=None, highest=HIGHEST_ID),
        "owner_id": paging.whole_number("about", default=None, highest=HIGHEST_ID),
        "action": _text("action")[:LONGEST_ACTION] or None,
        "through": _text("through") if _text("through") in set(Through) else None,
        "since": _day("since"),
        "until": _day("until", days_later=1),
    }
    names = dict(zip(("actor", "about", "action", "through", "since", "until"), found, strict=True))
    ignored = tuple(name for name, key in names.items() if _text(name) and found[key] is None)
    return AuditFilter(**found), ignored  # type: ignore[arg-type]


def _text(name: str) -> str:
    return request.args.get(name, "").strip().replace("\0", "")


def _day(name: str, *, days_later: int = 0) -> datetime | None:
    """The beginning of a day in the reader's zone."""
    try:
        day = datetime.fromisoformat(_text(name)).replace(tzinfo=ZoneInfo(viewer_zone()))
        return (day + timedelta(days=days_later)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _address(**more: object) -> str:
    kept = {name: value for name, value in request.args.items() if value and name != "before"}
    return f"{request.path}?{urlencode({**kept, **more})}"
