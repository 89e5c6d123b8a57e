"""Asking for more credits, and the two answers to it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.credits.managing import granting
from sketchmaker.credits.rules.amounts import checked_amount
from sketchmaker.limits.rules import Action
from sketchmaker.limits.uses import Limits, Who, account_of
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record
from sketchmaker.wishes.errors import AlreadyWished, InvalidWish, WishAnswered
from sketchmaker.wishes.tables import Wish

LONGEST_SENTENCE = 300
REASON = "You asked for more."
"""What the person reads of the grant in the ledger."""

DECLINED = "Declined in the console."


@dataclass(frozen=True, slots=True)
class OpenWish:
    """A wish that waits for an answer."""

    id: int
    username: str
    sentence: str
    wished_at: datetime


def wish(session: Session, *, user_id: int, sentence: str, now: datetime, limits: Limits) -> Wish:
    """Ask for more credits.

    Raises:
        InvalidWish: no sentence, or one that can't be used.
        AlreadyWished: the last one is not answered yet.
        LimitReached: asked too often.
    """
    words = _checked(sentence)
    if open_wish_of(session, user_id=user_id) is not None:
        raise AlreadyWished
    limits.take(session, Action.WISH, Who(account=account_of(user_id)), now=now)
    new = Wish(user_id=user_id, sentence=words, wished_at=now)
    try:
        with session.begin_nested():  # another click may have been faster
            session.add(new)
    except IntegrityError:
        raise AlreadyWished from None
    return new


def grant(
    session: Session, *, wish_id: int, credits: int, now: datetime, by: Actor, reason: str
) -> Wish:
    """Answer with credits, which are kept after the reset.

    Raises:
        WishAnswered: somebody was faster.
        InvalidAmount, TooManyGranted, NoActiveSubscription: see `granting.grant`.
    """
    amount = checked_amount(credits)
    answered = _answer(session, wish_id, credits=amount, now=now, by=by, reason=reason)
    granting.grant(
        session,
        user_id=answered.user_id,
        credits=credits,
        kind="admin",
        reason=reason,
        by=by,
        now=now,
    )
    return answered


def decline(session: Session, *, wish_id: int, now: datetime, by: Actor, reason: str) -> Wish:
    """Answer with no.

    Raises:
        WishAnswered: somebody was faster.
    """
    return _answer(session, wish_id, credits=0, now=now, by=by, reason=reason)


def open_wish_of(session: Session, *, user_id: int) -> Wish | None:
    """The person's wish that waits for an answer, if there is one."""
    return session.scalar(select(Wish).where(Wish.user_id == user_id, Wish.answered_at.is_(None)))


def last_answer_to(session: Session, *, user_id: int) -> Wish | None:
    """The person's wish that was answered last."""
    answered = select(Wish).where(Wish.user_id == user_id, Wish.answered_at.is_not(None))
    return session.scalar(answered.order_by(Wish.id.desc()).limit(1))


def open_wishes(session: Session, *, limit: int = 100) -> Sequence[OpenWish]:
    """The wishes that wait for an answer, at most `limit`, the oldest first."""
    query = (
        select(Wish.id, User.username, Wish.sentence, Wish.wished_at)
        .join(User, User.id == Wish.user_id)
        .where(Wish.answered_at.is_(None))
        .order_by(Wish.id)
        .limit(limit)
    )
    return [OpenWish(*row) for row in session.execute(query)]


def erase(session: Session, *, user_id: int) -> None:
    """Forget all that the person asked for."""
    session.execute(delete(Wish).where(Wish.user_id == user_id))


def _answer(
    session: Session, wish_id: int, *, credits: int, now: datetime, by: Actor, reason: str
) -> Wish:
    answered = session.scalar(
        update(Wish)
        .where(Wish.id == wish_id, Wish.answered_at.is_(None))
        .values(answered_at=now, answered_by_id=by.account_id, credits=credits)
        .returning(Wish)
        .execution_options(populate_existing=True)
    )
    if answered is None:
        raise WishAnswered(wish_id)
    what, given = Subject("wish", wish_id, "More credits", answered.user_id), {"credits": credits}
    record(session, by, "wish_answered", what, before=None, after=given, reason=reason, now=now)
    return answered


def _checked(sentence: str) -> str:
    words = " ".join(sentence.split())
    if not words:
        raise InvalidWish("Say in a sentence what you need the credits for.")
    if len(words) > LONGEST_SENTENCE:
        raise InvalidWish(f"Use at most {LONGEST_SENTENCE} characters.")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in words):
        raise InvalidWish("The sentence has characters that can't be stored. Write it again.")
    return words
