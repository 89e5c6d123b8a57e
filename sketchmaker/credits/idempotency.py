"""The same request, sent again, gets the first answer: also when that was a refusal.

The answer is written in the transaction of its effect. The key is looked up before the balance, so
that a retry of the charge which emptied it is answered and not refused.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from sketchmaker.credits.errors import InsufficientCredits, InvalidKey, KeyReused
from sketchmaker.credits.side_tables import KEYS

KEPT_FOR = timedelta(days=14)
"""Seven days are promised; the others are for clocks that were wrong in the meantime."""

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Request:
    """One named request of a user: what is asked, by which verb, under which key."""

    user_id: int
    verb: str
    key: str
    parameters: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Equal for equal parameters, whatever their order."""
        text = json.dumps(self.parameters, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to a request: the facts of its result, or of its refusal."""

    facts: dict[str, Any]
    refusal: InsufficientCredits | None

    def result(self) -> dict[str, Any]:
        """The facts of the result.

        Raises:
            InsufficientCredits: the request was refused.
        """
        if self.refusal is not None:
            raise self.refusal
        return self.facts


def once(
    session: Session, request: Request, *, now: datetime, work: Callable[[], dict[str, Any]]
) -> Answer:
    """Do the work and remember its answer; or give the answer it had the first time.

    A refusal is returned, not raised, so that the caller commits it. Two that race for one key
    break on its uniqueness: whoever fails tries again and finds the other's answer.

    Raises:
        KeyReused: the key came before with other parameters.
        InvalidKey: not 1 to 255 printable characters.
        sqlalchemy.exc.IntegrityError: another transaction was faster; try the whole again.
    """
    check_key(request.key)
    earlier = find(session, request)
    if earlier is not None:
        return earlier
    try:
        answer = Answer(work(), None)
    except InsufficientCredits as refusal:
        answer = Answer({}, refusal)
    session.execute(insert(KEYS).values(**row_of(request, answer, now)))
    return answer


def find(session: Session, request: Request) -> Answer | None:
    """The first answer to this request; None when it is new.

    Raises:
        KeyReused: the key came before with other parameters.
    """
    row = session.execute(
        select(KEYS.c.fingerprint, KEYS.c.answer).where(
            KEYS.c.user_id == request.user_id,
            KEYS.c.verb == request.verb,
            KEYS.c.key == request.key,
        )
    ).first()
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise KeyReused(request.key, request.verb)
    return _read(row.answer)


def forget_old(session: Session, *, now: datetime) -> int:
    """Forget the keys older than `KEPT_FOR`. How many there were."""
    gone = session.execute(delete(KEYS).where(KEYS.c.created_at < now - KEPT_FOR))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE has one


def row_of(request: Request, answer: Answer, now: datetime) -> dict[str, Any]:
    """The row that remembers an answer."""
    return {
        "user_id": request.user_id,
        "verb": request.verb,
        "key": request.key,
        "fingerprint": request.fingerprint,
        "answer": _written(answer),
        "created_at": now,
    }


def check_key(key: object) -> None:
    """Make sure that a key can be used as one.

    Raises:
        InvalidKey: not 1 to 255 printable characters.
    """
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidKey(key)


def _written(answer: Answer) -> dict[str, Any]:
    refusal = answer.refusal
    if refusal is None:
        return {"result": answer.facts}
    return {
        "refusal": {
            "required": refusal.required,
            "available": refusal.available,
            "next_reset": refusal.next_reset.isoformat(),
            "plan_display_name": refusal.plan_display_name,
        }
    }


def _read(answer: dict[str, Any]) -> Answer:
    facts = answer.get("refusal")
    if facts is None:
        return Answer(answer["result"], None)
    moment = datetime.fromisoformat(facts["next_reset"])
    return Answer({}, InsufficientCredits(**{**facts, "next_reset": moment}))
