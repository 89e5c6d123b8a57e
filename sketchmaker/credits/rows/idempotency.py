"""The same request, sent again, gets the first answer; a refusal only for a while.

The answer is written in the transaction of its effect. The key is looked up before the balance, so
that a retry of the charge which emptied it is answered and not refused.

A key is its user's own, whatever the verb. When its answer is out of date it is as if it had never
come, whether the row has been swept or not.
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.errors import (
    CreditError,
    InsufficientCredits,
    InvalidKey,
    KeyReused,
    NoActiveSubscription,
    ResetSuspended,
)
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables.side import KEYS

KEPT_FOR = timedelta(days=14)
"""Seven days are promised; the others are for clocks that were wrong in the meantime."""

REFUSAL_KEPT_FOR = timedelta(hours=24)
"""A refusal moved no credits: asked again after this, or after the reset it names, it is asked
afresh."""

LONGEST_KEY = 255

FORGOTTEN_AT_ONCE = 5_000
"""Rows a transaction: more would keep SQLite's one writer noticeably."""

_REMEMBERED = (InsufficientCredits, NoActiveSubscription, ResetSuspended)
_REFUSALS: dict[str, type[CreditError]] = {kind.__name__: kind for kind in _REMEMBERED}
_UNUSABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, half surrogates, ends of lines


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
    """The first answer to a request: the facts of its result, or of its refusal.

    `replayed` says that the request had been answered before.
    """

    facts: dict[str, Any]
    refusal: CreditError | None
    replayed: bool = False

    def result(self) -> dict[str, Any]:
        """The facts of the result.

        Raises:
            InsufficientCredits, NoActiveSubscription, ResetSuspended: the request was refused.
        """
        if self.refusal is not None:
            raise self.refusal
        return self.facts


@in_utc
def once(
    session: Session, request: Request, *, now: datetime, work: Callable[[], dict[str, Any]]
) -> Answer:
    """Do the work and remember its answer; or give the answer it had the first time.

    A refusal is returned, not raised, so that the caller commits it. Two that race for one key
    break on its uniqueness: whoever fails tries again and finds the other's answer.

    Raises:
        KeyReused: the key came before with another verb or other parameters.
        InvalidKey: not 1 to 255 characters, or control characters among them.
        NoActiveSubscription: no such user; nothing can be remembered for them.
        sqlalchemy.exc.IntegrityError: another transaction was faster; try the whole again.
    """
    check_key(request.key)
    earlier = find(session, request, now=now)
    if earlier is not None:
        return earlier
    try:
        answer = Answer(work(), None)
    except _REMEMBERED as refusal:
        answer = Answer({}, refusal)
    session.execute(delete(KEYS).where(*_is_key_of(request), KEYS.c.kept_until <= now))
    _remember(session, request, answer, now)
    return answer


@in_utc
def find(session: Session, request: Request, *, now: datetime) -> Answer | None:
    """The first answer to this request; None when it is new, or forgotten by `now`.

    Raises:
        KeyReused: the key came before with another verb or other parameters.
    """
    row = session.execute(select(KEYS).where(*_is_key_of(request), KEYS.c.kept_until > now)).first()
    if row is None:
        return None
    if (row.verb, row.fingerprint) != (request.verb, request.fingerprint):
        raise KeyReused(request.key, row.verb)
    return answer_in(row)


@in_utc
def forget_old(session: Session, *, now: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Remove up to `limit` answers that are out of date. Return the number removed."""
    old = (
        select(KEYS.c.user_id, KEYS.c.key)
        .where(KEYS.c.kept_until <= now)
        .order_by(KEYS.c.kept_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = session.execute(delete(KEYS).where(tuple_(KEYS.c.user_id, KEYS.c.key).in_(old)))
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
        "kept_until": _kept_until(answer, now),
    }


def check_key(key: object) -> None:
    """Make sure that a key can be used as one.

    Raises:
        InvalidKey: not 1 to 255 characters, or control characters among them.
    """
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidKey(key)
    # Not `isprintable`: it refuses joiners, of which emoji and Persian words are made.
    if any(unicodedata.category(character) in _UNUSABLE for character in key):
        raise InvalidKey(key)


def _remember(session: Session, request: Request, answer: Answer, now: datetime) -> None:
    row = insert(KEYS).values(**row_of(request, answer, now))
    if answer.refusal is None:
        session.execute(row)
        return
    try:
        with session.begin_nested():
            session.execute(row)
    except IntegrityError:
        if find(session, request, now=now) is not None:  # another transaction was faster
            raise
        raise answer.refusal from None  # nobody has that number


def _is_key_of(request: Request) -> tuple[Any, Any]:
    return KEYS.c.user_id == request.user_id, KEYS.c.key == request.key


def _kept_until(answer: Answer, now: datetime) -> datetime:
    if answer.refusal is None:
        return now + KEPT_FOR
    at_the_latest = now + REFUSAL_KEPT_FOR
    return min(getattr(answer.refusal, "next_reset", at_the_latest), at_the_latest)


def _written(answer: Answer) -> dict[str, Any]:
    refusal = answer.refusal
    if refusal is None:
        return {"result": answer.facts}
    facts = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in vars(refusal).items()
    }
    return {"refusal": {"error": type(refusal).__name__, **facts}}


def answer_in(row: Row[Any]) -> Answer:
    """The answer that a remembered row holds, marked as a repeat."""
    facts = row.answer.get("refusal")
    if facts is None:
        return Answer(row.answer["result"], None, replayed=True)
    # Rows of before this was written tell of the one refusal that was remembered then.
    kind = _REFUSALS[facts.pop("error", InsufficientCredits.__name__)]
    if "next_reset" in facts:
        facts["next_reset"] = datetime.fromisoformat(facts["next_reset"])
    refusal = kind(**facts)
    refusal.replayed = True
    return Answer({}, refusal, replayed=True)
