"""Writing the trail: every managing verb adds the entry of its change in its own transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from sketchmaker.randomness import token
from sketchmaker.record.actor import SELF, Actor, Subject
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.chain import ERASABLE, digest_of
from sketchmaker.record.reasons import checked_reason

Facts = dict[str, Any] | None


def record(
    session: Session,
    by: Actor,
    action: str,
    subject: Subject,
    *,
    before: Facts,
    after: Facts,
    reason: str,
    now: datetime,
) -> None:
    """Write down that the actor did this, in the caller's transaction.

    `before` and `after` tell of what changed only, in plain JSON: figures, states, names of plans.
    Neither a secret nor a person's words belong there.

    Raises:
        ReasonMissing: the actor changes what belongs to others and does not say why.
        InvalidReason: the reason can't be stored.
    """
    entry: dict[str, Any] = {
        "at": now,
        "actor_id": by.account_id,
        "actor_role": by.role,
        "through": by.through.value,
        "request_id": by.request_id,
        "action": action,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "owner_id": subject.owner_id,
        "before": before,
        "after": after,
    }
    entry |= {"actor_name": by.name, "actor_address": by.address, "actor_salt": token()}
    entry |= {"subject_name": subject.name, "reason": checked_reason(reason, by)}
    entry |= {"subject_salt": token()}
    digests = {f"{group}_digest": digest_of(group, entry) for group in ERASABLE}
    session.execute(insert(ENTRIES).values(**entry, **digests))


def erase_person(session: Session, *, user_id: int) -> None:
    """Take what is the person's own off the trail: their name, their address, words about them.

    Numbers, figures and dates stay, and the chain still holds. What they did to others' things
    keeps their name: who decided is what the trail is for.
    """
    owned = ENTRIES.c.owner_id == user_id
    session.execute(
        update(ENTRIES).where(owned).values(subject_name=None, reason=None, subject_salt=None)
    )
    their_own = (ENTRIES.c.actor_id == user_id) & (ENTRIES.c.actor_role == SELF)
    session.execute(
        update(ENTRIES)
        .where(their_own)
        .values(actor_name=None, actor_address=None, actor_salt=None)
    )
