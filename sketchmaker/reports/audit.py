"""The audit trail as admins read it: narrowed by who, whose, what and how, the newest first."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sketchmaker.record.audit_tables import AuditEntry

Changed = tuple[str, Any, Any]
"""The name of a fact, what it was before, and what it is after; None where it was not."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the list is narrowed to; None for everything. Instants are UTC, `until` is excluded."""

    actor_id: int | None = None
    owner_id: int | None = None
    action: str | None = None
    through: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether anything is left out."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter for a query."""
        equal = {
            AuditEntry.actor_id: self.actor_id,
            AuditEntry.owner_id: self.owner_id,
            AuditEntry.action: self.action,
            AuditEntry.through: self.through,
        }
        found = [column == value for column, value in equal.items() if value is not None]
        if self.since is not None:
            found.append(AuditEntry.at >= self.since)
        if self.until is not None:
            found.append(AuditEntry.at < self.until)
        return found


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; `older_before` is the id to go on from, if there are more."""

    entries: tuple[AuditEntry, ...]
    older_before: int | None


def entries(
    session: Session, wanted: AuditFilter, *, limit: int, before_id: int | None = None
) -> AuditPage:
    """The newest entries that fit; with `before_id`, those older than that one."""
    query = select(AuditEntry).where(*wanted.conditions())
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    found = session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit + 1)).all()
    shown = tuple(found[:limit])
    return AuditPage(shown, shown[-1].id if len(found) > limit else None)


def actions(session: Session) -> list[str]:
    """Every action that the trail tells of, by name."""
    return list(session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)))


def changes(entry: AuditEntry) -> list[Changed]:
    """What the entry says was changed: each fact that is not the same before and after."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    facts = [(name, before.get(name), after.get(name)) for name in names]
    return [(name, old, new) for name, old, new in facts if old != new]
