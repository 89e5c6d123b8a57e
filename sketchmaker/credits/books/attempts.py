"""Mending the rows of one user, all together, and undoing it unless the books are better for it.

A hold that ends changes a grant and a balance: looked at alone, each step breaks what the next one
mends. So it is the whole that is verified, before and after, within one savepoint.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.books import mending, verification
from sketchmaker.credits.books.mending import CannotMend, Correction
from sketchmaker.credits.books.sweeps import GRANT, HOLD, LEDGER_ROW, SUBSCRIPTION, USER
from sketchmaker.credits.books.values import VALUES
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.tables import GRANTS, LEDGER, SUBSCRIPTIONS

Found = dict[Subject, set[str]]
Mend = Callable[[Session, int, Correction], str | None]

BY_BALANCE: Final = frozenset(
    f"B{number}" for number in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20)
) | {"B22", "B24", "B25", "B35"}
"""What working out a balance anew mends, alone or after its holds and grants."""

UNTRUE_ROWS: Final = frozenset({"B27", "B28", "B29", "B33"})

BROKEN_LEDGER = "Rows of the ledger are broken, and they come first: see what is said of them."
NO_BETTER = "No entry would leave the books better than they are: it takes a person."
ODD_VALUES = "A value in its rows is none that can be reckoned with: set it right by hand first."


@dataclass
class Mended:
    """What was done for a user, by subject; else the obstacle. `concerned` are the invariants."""

    sentences: dict[Subject, str] = field(default_factory=dict)
    concerned: set[str] = field(default_factory=set)
    obstacle: str | None = None


def obstacle(violation: Violation) -> str | None:
    """Why the owner of the row is left to a person, whatever else is wrong; None if they aren't.

    A row of the ledger that can't be believed makes the sums that have it untrue.
    """
    if violation.invariant == VALUES:
        return ODD_VALUES
    is_untrue = violation.subject.kind == LEDGER_ROW and violation.invariant in UNTRUE_ROWS
    return BROKEN_LEDGER if is_untrue else None


def mend_user(session: Session, user_id: int, found: Found, correction: Correction) -> Mended:
    """Mend what was found wrong with a user's holds, grants and balances, or change nothing."""
    concerned = set().union(*found.values()) & BY_BALANCE
    if not concerned:
        return Mended()
    try:
        with session.begin_nested():
            sentences = _mend_if_better(session, user_id, found, correction)
    except CannotMend as reason:
        return Mended(obstacle=str(reason))
    except (IntegrityError, DataError, ArithmeticError, LookupError, TypeError, ValueError):
        return Mended(obstacle=ODD_VALUES)
    return Mended(sentences, concerned)


def _mend_if_better(
    session: Session, user_id: int, found: Found, correction: Correction
) -> dict[Subject, str]:
    """Raises `CannotMend` when the user's rows hold no better afterwards."""
    subscriptions = _lock(session, user_id)
    newest = session.scalar(select(func.max(LEDGER.c.id))) or 0
    holds = [subject for subject in found if subject.kind == HOLD]
    grants = [subject for subject in found if subject.kind == GRANT]
    looked_at = [Subject(USER, user_id), *holds, *_grants(session, user_id), *subscriptions]
    before = _violations(session, looked_at, correction.now)
    sentences = {
        **_each(session, holds, mending.mend_hold, correction),
        **_each(session, grants, mending.mend_grant, correction),
        **_each(session, subscriptions, mending.mend_subscription, correction),
    }
    added = session.scalars(
        select(LEDGER.c.id).where(LEDGER.c.id > newest, LEDGER.c.user_id == user_id)
    )
    looked_at += [Subject(LEDGER_ROW, number) for number in added]
    after = _violations(session, looked_at, correction.now)
    if sentences and not (after < before and not _half_mended(after)):
        raise CannotMend(NO_BETTER)
    return sentences


def _each(
    session: Session, subjects: Iterable[Subject], mend: Mend, correction: Correction
) -> dict[Subject, str]:
    done = {}
    for subject in subjects:
        sentence = mend(session, subject.id, correction)
        if sentence is not None:
            done[subject] = sentence
    return done


def _violations(
    session: Session, subjects: Iterable[Subject], now: datetime
) -> Counter[tuple[Subject, str, str]]:
    return Counter(
        (violation.subject, violation.invariant, violation.sentence)
        for subject in subjects
        for violation in verification.verify_one(session, subject, now=now)
    )


def _half_mended(after: Counter[tuple[Subject, str, str]]) -> bool:
    """Is a balance still wrong? Then it was changed on too little evidence."""
    return any(
        subject.kind == SUBSCRIPTION and invariant in BY_BALANCE for subject, invariant, _ in after
    )


def _lock(session: Session, user_id: int) -> list[Subject]:
    """The user's subscriptions: nothing of their books changes until the transaction ends."""
    query = select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.user_id == user_id)
    numbers = session.scalars(query.order_by(SUBSCRIPTIONS.c.id).with_for_update())
    return [Subject(SUBSCRIPTION, number) for number in numbers]


def _grants(session: Session, user_id: int) -> list[Subject]:
    numbers = session.scalars(select(GRANTS.c.id).where(GRANTS.c.user_id == user_id))
    return [Subject(GRANT, number) for number in numbers]
